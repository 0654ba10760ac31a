"""Who is named as decider comes from the terms of a review, and where nobody could, that is said."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fakes.approvals import an_approval

from ironclaw.deciders import Deciders, deciders
from ironclaw.settings import Settings, TenantSettings
from ironclaw.task import Decision, Vote
from ironclaw.tenancy import Tenancy
from ironclaw.terms import Group, Terms

ADA, BO, CY, DI = (f"slack:T0001:U1{name}" for name in ("ADA", "BO", "CY", "DI"))
LOCAL_CY = "local:cy"
GROUPS = {"finance": (CY, DI), "legal": (BO,), "leads": ("@S1LEADS",), "own": (ADA,)}


def found(
    *groups: str, quorum: int = 1, or_else: str = "", votes: tuple[str, ...] = (), **changes: Any
) -> Deciders:
    """Who could decide, of a tenant whose approver is Bo and whose Cy has two identities."""
    values = {"approvers": (BO,), "groups": GROUPS, "people": {"cy": (LOCAL_CY, CY)}, **changes}
    tenancy = Tenancy(Settings(tenants={"acme": TenantSettings.model_validate(values)}))
    terms = Terms(quorum, frozenset(Group(name, or_else, 30.0 if or_else else 0.0) for name in groups))
    given = tuple(Vote(each, Decision.APPROVE, 0.0) for each in votes)
    return deciders(tenancy, an_approval(terms=terms, votes=given, requester=ADA))


@pytest.mark.parametrize(
    ("groups", "quorum", "words"),
    [
        ((), 1, BO),
        (("finance",), 1, f"{CY} or {DI}"),
        (("finance",), 2, f"{CY} and {DI}"),
        (("leads",), 1, "members of leads"),
        (("finance", "leads"), 2, "2 members of finance and leads"),
    ],
)
def test_the_terms_say_who(groups: tuple[str, ...], quorum: int, words: str) -> None:
    """
    Approvers without a rule about groups; their members else; of a Slack group, its name.
    """
    said = found(*groups, quorum=quorum)

    assert (words, "") == (said.words(), said.problem)


@pytest.mark.parametrize(
    ("groups", "changes", "problem"),
    [
        (("nope",), {}, "Nobody of nope exists here: set [tenants.acme.groups]."),
        (("finance", "legal"), {}, "Nobody here is of both finance and legal: set [tenants.acme.groups]."),
        (
            (),
            {"approvers": ()},
            "Nobody may approve this yet: set approvers in [tenants.acme] of ironclaw.toml.",
        ),
        (
            ("own",),
            {},
            "Only who asked could approve this, and nobody approves their own call: add somebody in ",
        ),
        (("finance",), {"quorum": 3}, "This needs 3 people, and only 2 could approve it: add somebody in "),
        ((), {"quorum": 2}, "This needs 2 people, and only 1 could approve it: add somebody in approvers."),
    ],
)
def test_where_nobody_could(groups: tuple[str, ...], changes: dict[str, Any], problem: str) -> None:
    """
    A group that is not there, nobody of both, who asked alone, too few: said, with the remedy.
    """
    assert found(*groups, **changes).problem.startswith(problem)


def test_who_has_said_yes_is_not_waited_for() -> None:
    """
    The second of two is named alone, also where the first said yes by another identity of theirs.
    """
    said = found("finance", quorum=2, votes=(LOCAL_CY,))

    assert (DI, 1, "") == (said.words(), said.quorum, said.problem)


def test_the_other_group_where_the_first_is_empty() -> None:
    """
    A group that nobody is of is no dead end where another one comes in after a while.
    """
    said = found("nope", or_else="legal")

    assert (BO, "") == (said.words(), said.problem)


def test_many_are_counted() -> None:
    """
    Three are named, whoever can be mentioned in Slack first.
    """
    said = found(approvers=("local:a", BO, CY, DI, "local:b"), people={})

    assert f"{BO}, {CY}, {DI} or 2 others" == said.words()
