"""What a grant's seal covers, whom a group has, and where a fault points."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from jsonschema import Draft202012Validator

from ironclaw.registry.arguments import faults
from ironclaw.settings import Settings, TenantSettings
from ironclaw.store import SealedGrant
from ironclaw.task import GrantView
from ironclaw.tenancy import Tenancy
from ironclaw.terms import GrantScope, Group, Terms
from ironclaw.veto.binding import Seals

GRANT = GrantView(
    id="g",
    tenant="T1",
    scope=GrantScope.WORKFLOW,
    workflow_id="w",
    tool="a.b",
    requester="slack:T1:U_ADA",
    place="slack:T1:C1",
    hosts=frozenset({"a.example"}),
    taint=frozenset({"b.example"}),
    args_sha256="a" * 64,
    component_sha256="c" * 64,
    manifest_sha256="m" * 64,
    approval_id="p",
    granted_by="slack:T1:U_BO",
    created_at=1.0,
    expires_at=2.0,
    max_uses=20,
)
OTHER = {str: "x", float: 9.5, int: 7, frozenset: frozenset({"x"}), GrantScope: GrantScope.TOOL}
SCHEMA = {
    "type": "object",
    "required": ["who", "it's"],
    "properties": {
        "who": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
        "a/b": {"maximum": 3},
    },
}


@pytest.mark.parametrize("name", [each.name for each in fields(GrantView) if each.name != "revoked_at"])
def test_every_part_of_a_grant_is_sealed(name: str) -> None:
    """
    A row of which any part is another is not what this host has sealed.
    """
    seals = Seals(b"k" * 32)
    sealed = SealedGrant(GRANT, seals.grant(GRANT))
    other = replace(GRANT, **{name: OTHER[type(getattr(GRANT, name))]})

    assert (True, False) == (seals.is_grant(sealed), seals.is_grant(replace(sealed, view=other)))


def test_a_seal_of_another_host() -> None:
    """
    Another key seals otherwise.
    """
    assert not Seals(b"k" * 32).is_grant(SealedGrant(GRANT, Seals(b"l" * 32).grant(GRANT)))


def test_who_is_of_a_group() -> None:
    """
    People as the settings name them, by every identity of theirs, and those whom Slack named last.
    """
    tenant = TenantSettings(groups={"cfo": ("jwt:i|di", "@S1")}, people={"di": ("jwt:i|di", "slack:T1:U_DI")})
    tenancy = Tenancy(Settings(tenants={"T1": tenant}))
    tenancy.learn_group("T1", "S1", {"slack:T1:U_EF"})

    assert {"jwt:i|di", "slack:T1:U_DI", "slack:T1:U_EF"} == tenancy.members("T1", "cfo")
    assert frozenset() == tenancy.members("T1", "ceo") | tenancy.members("T2", "cfo")


def test_when_other_groups_count() -> None:
    """
    When the last one's time has come; never where no group has another.
    """
    groups = {Group("a", "b", 30), Group("c", "d", 45), Group("e")}

    assert 100 + 45 * 60 == Terms(groups=frozenset(groups)).escalates_at(100)
    assert 0.0 == Terms(groups=frozenset({Group("e")})).escalates_at(100)


@pytest.mark.parametrize(
    ("args", "pointers"),
    [
        ({"who": {}, "it's": 1}, ["/who/name"]),
        ({"who": {"name": 1}, "it's": 1}, ["/who/name"]),
        ({"who": {"name": ""}}, ["/it's"]),
        ({"who": {"name": ""}, "it's": 1, "a/b": 4}, ["/a~1b"]),
        ({}, ["/who", "/it's"]),
    ],
)
def test_where_a_fault_points(args: dict[str, object], pointers: list[str]) -> None:
    """
    At the argument that is wrong, or at the one that is missing.
    """
    assert pointers == [fault.pointer for fault in faults(Draft202012Validator(SCHEMA), args)]
