"""The whole engine as a contender: ``python -m tests.bench.ours FOLDER [DATABASE_URL]`` takes orders.

One more than every contender: {"approve": [ids]}, one after the other.

Nothing is left out but the door and the model: store, audit, policy, veto, schema, leak guard, outbox and
sandbox are the real ones.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from ironclaw.app import Ironclaw
from ironclaw.task import Decision, WorkflowView
from tests.bench.peer_programs.lanes import answering, obey
from tests.bench.workflows import bench_engine, decided, new_review
from tests.cases.__main__ import hush


async def main(folder: Path, url: str | None) -> None:
    """Until the orders end."""
    many = {"database_url": url, "scratch_dir": folder / "scratch"} if url else {}
    async with bench_engine(folder, **many) as app:

        async def pause() -> WorkflowView:
            return await new_review(app)

        async def resume(view: WorkflowView) -> None:
            await decided(app, view, Decision.APPROVE)

        usual = answering(pause, resume)

        async def answer(approve: Sequence[str] = (), **order: int) -> dict[str, object]:
            return await _approved(app, approve) if approve else await usual(**order)

        await obey(answer, ["ironclaw"])


async def _approved(app: Ironclaw, workflows: Sequence[str]) -> dict[str, object]:
    """Seconds of each from the approver's yes until it is done."""
    taken = []
    for workflow in workflows:
        view = await app.workflow("T1", workflow)
        began = time.perf_counter()
        await decided(app, view, Decision.APPROVE)
        taken.append(time.perf_counter() - began)
    return {"pause": [], "resume": taken, "seconds": sum(taken)}


if __name__ == "__main__":
    hush()
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None))
