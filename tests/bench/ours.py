"""The whole engine as a contender: ``python -m tests.bench.ours FOLDER [DATABASE_URL]`` takes orders.

Nothing is left out but the door and the model: store, audit, policy, veto, schema, leak guard, outbox and
sandbox are the real ones.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from ironclaw.task import Decision, WorkflowView
from tests.bench.peer_programs.lanes import serve
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

        await serve(pause, resume, ["ironclaw"])


if __name__ == "__main__":
    hush()
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None))
