"""A call of which nobody knows whether it ran, where the rows are PostgreSQL's."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.fakes.postgres import NOT_INSTALLED, Cluster, programs
from tests.integration.doubting import a_receiver, allow, doubted, post
from tests.integration.engine import BO, approver, ask, engine

from ironclaw.errors import Conflict
from ironclaw.task import DoubtView, Said

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.skipif(programs() is None, reason=NOT_INSTALLED),
]


@pytest.mark.parametrize(("said", "sent"), [(Said.RAN, 1), (Said.NOT_RUN, 2)])
async def test_on_postgres(
    tmp_path: Path, built_toolboxes: Path, server: Cluster, said: Said, sent: int
) -> None:
    """
    Cut off while it was answered, asked about, answered ten times at once: one answer, and what follows.
    """
    policy = tmp_path / "loose.cedar"
    policy.write_text("permit(principal, action, resource);")
    where = {"database_url": server.new_database(), "scratch_dir": tmp_path / "shared", "lease_seconds": 2}
    async with a_receiver() as receiver:
        brain, more = post(receiver.port), {**allow(receiver.port), **where, "policy_file": policy}
        receiver.is_silent = True
        async with engine(tmp_path, brain, built_toolboxes, **more) as app:
            workflow = await app.submit(ask())
            await asyncio.wait_for(receiver.reached.wait(), 30)
        receiver.is_silent = False
        async with engine(tmp_path, brain, built_toolboxes, **more) as app:
            async with asyncio.timeout(30):
                while not await app.doubts.open_ones("T1"):
                    await app.wait("T1", workflow, 1)
            doubt = await doubted(app, workflow)
            words = (app.doubts.testify(approver(), doubt.id, said) for _ in range(10))
            found = await asyncio.gather(*words, return_exceptions=True)
            async with asyncio.timeout(30):
                while not (after := await app.wait("T1", workflow, 1)).state.is_final:
                    continue

    assert (1, 9) == tuple(sum(isinstance(each, kind) for each in found) for kind in (DoubtView, Conflict))
    assert ("done", sent, {BO}) == (
        after.state.value,
        len(receiver.keys),
        {each.by for each in found if isinstance(each, Conflict)},
    )
