"""What an approval is bound to, and who is whom when it is decided."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ironclaw.capabilities import Capabilities
from ironclaw.task import Effect, Risk, ToolCall
from ironclaw.veto import action
from ironclaw_plugins.veto_rules import same_person

CALL = ToolCall(
    "T1",
    "slack:T1:U1",
    "w1",
    1,
    "a.b",
    '{"x":1}',
    Risk.HIGH,
    Effect.ONCE,
    Capabilities(),
    "c1",
    "m1",
    "slack",
)


@pytest.mark.parametrize(
    "change",
    [
        {"tenant": "T2"},
        {"requester": "slack:T1:U2"},
        {"workflow_id": "w2"},
        {"seq": 2},
        {"tool": "a.c"},
        {"args": "{ }"},
        {"component_sha256": "c2"},
        {"manifest_sha256": "m2"},
    ],
)
def test_every_part_of_a_call_is_bound(change: dict[str, object]) -> None:
    """
    Another tenant, person, workflow, place in it, tool, byte of the arguments or digest is another action.
    """
    assert action(CALL, "p1", 1.0) != action(replace(CALL, **change), "p1", 1.0)  # type: ignore[arg-type]


def test_policy_and_expiry_are_bound() -> None:
    """
    Another policy, or another time to decide, is another action; the same of all is the same.
    """
    assert 3 == len({action(CALL, "p1", 1.0), action(CALL, "p2", 1.0), action(CALL, "p1", 2.0)})
    assert action(CALL, "p1", 1.0) == action(replace(CALL), "p1", 1.0)


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("slack:T1:U1", "slack:T1:U1", True),
        ("slack:T1:U1", "slack:T2:U1", True),
        ("slack:T1:U1", "slack:T1:U2", False),
        ("jwt:i|U1", "slack:T1:U1", False),
        ("jwt:a:U1", "jwt:b:U1", False),
        ("jwt:slack:T1:U1", "slack:T1:U1", False),
        ("local:ada", "local:ada", True),
    ],
)
def test_same_person(one: str, other: str, is_same: bool) -> None:
    """
    A Slack user is one person in every workspace; nobody else is by a likeness of ids.
    """
    assert is_same is same_person(one, other)
