"""What an approval is bound to, and who is whom when it is decided."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.fakes.services import PlainServices

from ironclaw.capabilities import Capabilities
from ironclaw.settings import Settings, TenantSettings
from ironclaw.task import ApprovalState, ApprovalView, Decision, Effect, Principal, Risk, ToolCall, Verdict
from ironclaw.tenancy import Tenancy
from ironclaw.veto import action
from ironclaw_plugins.veto_rules import VetoRules

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
        ("jwt:i|ada", "slack:T3:U_ADA", True),
        ("jwt:i|ada", "jwt:j|ada", True),
        ("slack:T1:U_ADA", "slack:T3:U_BO", False),
    ],
)
def test_same_person(one: str, other: str, is_same: bool) -> None:
    """
    A Slack user is one person in every workspace, with all that is linked to any of these; nobody else is
    by a likeness of ids.
    """
    people = {
        "ada": ("jwt:i|ada", "slack:T1:U_ADA"),
        "a": ("slack:T2:U_ADA", "jwt:j|ada"),
        "bo": ("jwt:i|bo",),
    }
    tenancy = Tenancy(Settings(tenants={"T1": TenantSettings(people=people)}))

    assert is_same is (tenancy.person("T1", one) == tenancy.person("T1", other))


BO = Principal("T1", "slack:T1:U_BO", frozenset({"approver"}))
ASKED = ApprovalView(
    id="a",
    version=1,
    tenant="T1",
    workflow_id="w",
    seq=1,
    requester="slack:T1:U_ADA",
    tool="files.write",
    risk=Risk.HIGH,
    args="{}",
    action_sha256="0" * 64,
    component_sha256="1" * 64,
    rule="a-person-decides",
    state=ApprovalState.PENDING,
    created_at=0.0,
    expires_at=1.0,
)


@pytest.mark.parametrize(
    ("approvers", "who", "rule"),
    [
        ((BO.id,), BO, "approver"),
        ((), BO, "not-an-approver"),
        (("slack:T2:U_BO", "slack:T1:U_B"), BO, "not-an-approver"),
        ((BO.id,), replace(BO, roles=frozenset()), "not-an-approver"),
        ((BO.id,), replace(BO, tenant="T2"), "other-tenant"),
        ((ASKED.requester,), replace(BO, id=ASKED.requester), "own-call"),
        (("slack:T9:U_ADA",), replace(BO, id="slack:T9:U_ADA"), "own-call"),
    ],
)
async def test_who_may_decide(approvers: tuple[str, ...], who: Principal, rule: str) -> None:
    """
    Only a listed person of the tenant whom the door calls an approver, and who did not ask.
    """
    both = TenantSettings(approvers=approvers)
    rules = VetoRules(PlainServices(Settings(tenants={"T1": both, "T2": both})))

    opinion = await rules.ironclaw_may_decide(ASKED, who, Decision.APPROVE)

    assert (rule, rule == "approver") == (opinion.rule, opinion.verdict is Verdict.ALLOW)
