"""Random operators, people and clocks: the approval machine does what its model does, and nothing else."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from tests.integration.approval_machine import ApprovalMachine

ApprovalMachine.TestCase.settings = settings(
    max_examples=15,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
#: Each call runs at most once, with enough valid decisions of different people for exactly its bytes; each
#: ends once in the audit.
TestApprovals = ApprovalMachine.TestCase
