"""What ``ironclaw approvals`` says of each, and what a command that waits says to type next."""

from __future__ import annotations

import argparse

from tests.fakes.approvals import NOW, an_approval

from ironclaw.task import Decision, Json, Vote
from ironclaw.terms import Group, Terms
from ironclaw_bot.local import shown_approval
from ironclaw_bot.waiting import listed, next_step

BO = "slack:T0001:U1BO"
TERMS = Terms(quorum=2, groups=frozenset({Group("finance")}), step_up=True)
HERE = argparse.Namespace(tenant="acme", demo=None)


def waiting(problem: str = "") -> Json:
    """A review for two of finance with a code, of which Bo has said yes."""
    votes = (Vote(BO, Decision.APPROVE, NOW, factor="totp"),)
    deciders = {"words": "local:cy or local:di", "groups": ["finance"], "problem": problem}
    return {**shown_approval(an_approval(terms=TERMS, votes=votes)), "deciders": deciders}


def test_all_that_a_decision_needs() -> None:
    """
    Rule, risk, terms, who has said yes and how, and who else may.
    """
    said = "\n".join(listed(waiting()))

    assert "rule high-risk-asks, high risk: 2 people of finance, with a second factor" in said
    assert f"approved by {BO}, 20" in said
    assert " with totp\n    may decide: local:cy or local:di" in said


def test_nobody_could() -> None:
    """
    A dead end is said in the list and after the command, which says how to take it back.
    """
    problem = "Nobody of finance exists here: set [tenants.acme.groups]."
    said = next_step({"tenant": "acme", "approval": waiting(problem)}, HERE)

    assert f"    {problem}" in listed(waiting(problem))
    assert said.startswith(f"{problem}\nTo take it back: ")
    assert said.endswith(" deny ap_1 --tenant acme")


def test_who_is_to_type_it() -> None:
    """
    What to type comes with whose word it takes, and with the code that it needs.
    """
    said = next_step({"tenant": "acme", "approval": waiting()}, HERE)

    assert said.startswith("Waiting for local:cy or local:di. Who decides runs: ")
    assert said.endswith(" approve ap_1 --code 123456 --tenant acme")
