"""``make soak``: a database locked for as long as backups and virus scanners lock one."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from ironclaw.errors import StoreError
from ironclaw.task import Decision, WorkflowState
from tests.fakes.locker import locked
from tests.integration.engine import approver, ask, engine
from tests.integration.test_crash import Receiver, allow, post, receiver

pytestmark = [pytest.mark.soak, pytest.mark.timeout(300)]
__all__ = ["receiver"]


@pytest.mark.parametrize("seconds", [8, 40])
async def test_locked(tmp_path: Path, built_toolboxes: Path, receiver: Receiver, seconds: int) -> None:
    """
    Locked for 8 s: the decision waits, and counts.  For 40 s: it is refused after 30, before anything runs,
    and counts when it is made again.  The order is sent once.
    """
    async with engine(tmp_path, post(receiver.port), built_toolboxes, **allow(receiver.port)) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        began = time.monotonic()
        async with locked(tmp_path / "data/ironclaw.db"):
            deciding = asyncio.create_task(app.decide(approver(), view.approval.id, Decision.APPROVE))
            await asyncio.sleep(seconds)
            sent = len(receiver.keys)
        [ended] = await asyncio.gather(deciding, return_exceptions=True)
        if isinstance(ended, StoreError):
            await app.decide(approver(), view.approval.id, Decision.APPROVE)
        after = await app.wait("T1", view.id, 60)

    assert time.monotonic() - began >= seconds
    assert (seconds > 30) is isinstance(ended, StoreError)
    assert (0, 1, WorkflowState.DONE) == (sent, len(receiver.keys), after.state)
