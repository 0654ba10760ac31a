"""An answer of Cedar is remembered for the very same question, and for no other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.policy import call, policy, settings
from tests.fakes.services import PlainServices

from ironclaw.task import Effect, Risk, ToolCall, Verdict
from ironclaw.terms import Circumstances
from ironclaw_plugins.policy_cedar import CedarPolicy

RUN = '@id("run") permit(principal, action, resource);'
ARGS = {"to": "ada@ours.example"}
FIRST = call(args=ARGS, hosts=("a.com",))
#: A rule that forbids what the other call is, and the first one is not.
OTHERS: tuple[tuple[str, dict[str, Any]], ...] = (
    ('context.arguments.hasTag("/to") && !(context.arguments.getTag("/to") like "*@ours.example")',
     {"args": '{"to":"eve@theirs.example"}'}),
    ('principal == User::"slack:T1:U_EVE"', {"requester": "slack:T1:U_EVE"}),
    ('principal.tenant != "T1"', {"requester": "slack:T2:U_ADA"}),
    ('resource == Tool::"a.c"', {"tool": "a.c"}),
    ('resource.risk == "high"', {"risk": Risk.HIGH}),
    ('resource.effect == "once"', {"effect": Effect.ONCE}),
    ('resource.digest == "x"', {"component_sha256": "x"}),
    ('context.taint_from.contains("b.com")', {"circumstances": Circumstances(taint=frozenset({"b.com"}))}),
    ('context.hosts.contains("b.com")', {"circumstances": Circumstances(hosts=frozenset({"b.com"}))}),
    ('context.door == "http"', {"door": "http"}),
)  # fmt: skip


@pytest.mark.parametrize(("rule", "change"), OTHERS)
async def test_another_question(tmp_path: Path, rule: str, change: dict[str, Any]) -> None:
    """
    What was answered for one call is no answer for a call that differs in anything that a rule speaks of.
    """
    asked = policy(tmp_path, f'{RUN} @id("no") forbid(principal, action, resource) when {{ {rule} }};')
    other: ToolCall = replace(FIRST, **change)

    first = [await asked.ironclaw_verdict(FIRST) for _ in range(2)]

    assert [Verdict.ALLOW] * 2 == [each.verdict for each in first]
    assert Verdict.DENY is (await asked.ironclaw_verdict(other)).verdict


async def test_another_time(tmp_path: Path) -> None:
    """
    Where a rule speaks of the time, an answer is good for no other one.
    """
    clock = iter([1_800_014_400.0, 1_800_014_400.0 + 8 * 3600])
    rule = f'{RUN} @id("late") forbid(principal, action, resource) when {{ context.hour > 18 }};'
    asked = CedarPolicy(PlainServices(settings(tmp_path, rule), clock=lambda: next(clock)))

    verdicts = [(await asked.ironclaw_verdict(FIRST)).verdict for _ in range(2)]

    assert [Verdict.ALLOW, Verdict.DENY] == verdicts
