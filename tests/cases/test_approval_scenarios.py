"""Every scenario of approvals."""

from __future__ import annotations

import pytest

from tests.cases import approval_scenarios
from tests.cases._approval_stage import opened
from tests.cases.approval_scenarios import outcome
from tests.cases.driver import DATA, load, run

pytestmark = pytest.mark.sandbox
PROPOSE = {"op": "propose", "tool": "send_email", "args": {"to": "a@x.test", "body": "hi"}}
APPROVE = {"op": "click", "user": "U_APP", "user_team": "T1", "action": "approve"}


@pytest.mark.timeout(300)
async def test_file() -> None:
    """
    All scenarios end as the file says: effects outside, rows, cards, answers, audit and what the brain sees.
    """
    data = load(DATA / approval_scenarios.FILE)

    report = await run(DATA / approval_scenarios.FILE, [approval_scenarios])

    assert [] == report.failures
    assert len(data["scenarios"]) == report.passed


async def test_the_interpreter_notices() -> None:
    """
    It does not say yes to everything: of what did happen the opposite is a failure, and so is a word that
    nobody knows.
    """
    wrong = (
        {"executed": 0},
        {"state": "pending"},
        {"cards": 2},
        {"audit": ["executed", "approved"]},
        {"brain_sees": "denied"},
        {"no such word": 1},
    )
    async with opened() as stage:
        told = [
            await outcome(stage, {"id": "x", "steps": [PROPOSE, APPROVE], "expect": expect})
            for expect in wrong
        ]
        right = await outcome(stage, {"id": "x", "steps": [PROPOSE, APPROVE], "expect": {"executed": 1}})
        unknown = await outcome(stage, {"id": "x", "steps": [{"op": "no such step"}], "expect": {}})

    assert None is right
    assert all(told)
    assert "no such step" in unknown
