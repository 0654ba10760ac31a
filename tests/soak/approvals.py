"""``make soak``: 10,000 steps of random operators, people and clocks against the approval machine."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.integration.approval_machine import ApprovalMachine

pytestmark = [pytest.mark.soak, pytest.mark.timeout(3600)]


def test_ten_thousand_steps() -> None:
    """
    The machine does what its model does, and nothing else, however long it is tried.
    """
    every = settings(
        max_examples=200,
        stateful_step_count=50,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    run_state_machine_as_test(ApprovalMachine, settings=every)
