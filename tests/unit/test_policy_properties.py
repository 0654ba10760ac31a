"""Nobody gains by leaving something out: whatever is taken away, a deny stays a deny."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as how
from hypothesis import strategies as st
from tests.fakes.policy import NOON, call, settings

from ironclaw.task import ToolCall, Verdict
from ironclaw_plugins.policy_cedar import Library
from ironclaw_plugins.policy_cedar.facts import Asker, Questions, questions
from ironclaw_plugins.policy_cedar.judging import ask, opinion

HOSTS = st.lists(st.sampled_from(["a.com", "b.com", "files"]), unique=True, max_size=3).map(tuple)
CALLS = st.builds(call, st.sampled_from(["low", "high"]), hosts=HOSTS, taint=HOSTS)
ROLES = st.frozensets(st.sampled_from(["approver", "group:finance"]))
ASKERS = st.builds(Asker, st.sampled_from(["T1", "T2", ""]), ROLES)
PLACES = ("context", "user", "tool")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return Library.read(settings(tmp_path_factory.mktemp("policy")))


def verdict(library: Library, asked: ToolCall, put: Questions) -> Verdict:
    return opinion(asked, ask(library.common, put)).verdict


def without(put: Questions, place: str, name: str) -> Questions:
    """The questions with one attribute less."""
    fewer = copy.deepcopy(put)
    found: dict[str, Any] = {
        "context": fewer.context,
        "user": fewer.entities[0]["attrs"],
        "tool": fewer.entities[1]["attrs"],
    }[place]
    found.pop(name, None)
    return fewer


def attributes(put: Questions) -> list[tuple[str, str]]:
    there = (put.context, put.entities[0]["attrs"], put.entities[1]["attrs"])
    return [(place, name) for place, names in zip(PLACES, there, strict=True) for name in names]


@how(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CALLS, ASKERS, st.data())
def test_an_attribute_less_allows_nothing_more(
    library: Library, asked: ToolCall, asker: Asker, data: st.DataObject
) -> None:
    """
    Without an attribute the verdict is at least as severe, and without one that must be there a deny.
    """
    put = questions(asked, asker, NOON, library.common.names)
    place, name = data.draw(st.sampled_from(attributes(put)))
    before, after = (verdict(library, asked, each) for each in (put, without(put, place, name)))

    assert after is Verdict.DENY
    assert after.severity >= before.severity


@how(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CALLS, ASKERS, ROLES)
def test_a_role_less_allows_nothing_more(
    library: Library, asked: ToolCall, asker: Asker, taken: frozenset[str]
) -> None:
    """
    The shipped policy gives nobody more for having fewer roles.
    """
    both = (asker, replace(asker, roles=asker.roles - taken))
    before, after = (
        verdict(library, asked, questions(asked, each, NOON, library.common.names)) for each in both
    )

    assert after.severity >= before.severity


@how(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CALLS, ASKERS, st.sampled_from(["user", "tool"]))
def test_nobody_and_nothing_are_denied(library: Library, asked: ToolCall, asker: Asker, gone: str) -> None:
    """
    Who asks, or what is asked for, not known at all: denied.
    """
    put = questions(asked, asker, NOON, library.common.names)
    del put.entities[PLACES.index(gone) - 1]

    assert Verdict.DENY is verdict(library, asked, put)


@pytest.mark.parametrize("value", [None, 2**63, 1.5, 5, ["x"], {"__entity": {"type": "User", "id": "x"}}])
def test_a_wrong_type_is_a_deny(library: Library, value: Any) -> None:
    """
    What Cedar would call no decision is none here either.
    """
    put = questions(call(), Asker("T1"), NOON, library.common.names)
    put.context["tenant"] = value

    assert Verdict.DENY is verdict(library, call(), put)


def test_what_no_rule_speaks_of_is_unknown(library: Library) -> None:
    """
    The context holds what the rules speak of and nothing else: one attribute more is a deny.
    """
    put = questions(call(), Asker("T1"), NOON, library.common.names)
    there = set(put.context)
    put.context["hour"] = 1

    assert {"tenant", "tool", "hosts", "tainted", "taint_from"} == there
    assert Verdict.DENY is verdict(library, call(), put)
