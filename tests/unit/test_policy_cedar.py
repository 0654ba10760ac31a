"""The shipped policy, and what any policy's answers come to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes.policy import CALL, call, policy

from ironclaw.capabilities import Capabilities, HttpRule
from ironclaw.task import Opinion, ToolCall, Verdict
from ironclaw.terms import GrantScope, Group, Terms

ALL = '@id("all") permit(principal, action, resource);'
LOW, ASK = '@id("run") permit(principal, action == Action::"auto_run", resource);', "run_with_approval"
NOT_FOR_B = (
    '@id("not-b") forbid(principal, action, resource) when { context.lists.hasTag("/to") && '
    '!["a@x"].containsAll(context.lists.getTag("/to")) };'
)


@pytest.mark.parametrize(
    ("asked", "verdict", "rule"),
    [
        (call(), Verdict.ALLOW, "low-risk-runs"),
        (call("high"), Verdict.REVIEW, "a-person-decides"),
        (call(hosts=("a.com",)), Verdict.ALLOW, "low-risk-runs"),
        (call(taint=("b.com",)), Verdict.ALLOW, "low-risk-runs"),
        (call(hosts=("a.com",), taint=("a.com",)), Verdict.ALLOW, "low-risk-runs"),
        (call(hosts=("a.com", "b.com"), taint=("b.com",)), Verdict.ALLOW, "low-risk-runs"),
        (call(hosts=("a.com",), taint=("b.com",)), Verdict.REVIEW, "tainted-goes-out"),
        (call(hosts=("a.com",), taint=("a.com", "files")), Verdict.REVIEW, "tainted-goes-out"),
        (call(hosts=("a.com",), taint=("context",)), Verdict.REVIEW, "tainted-goes-out"),
        (call("high", hosts=("a.com",), taint=("b.com",)), Verdict.REVIEW, "tainted-goes-out"),
        (call(tenant="T9"), Verdict.DENY, "tenant-wall"),
        (call(tenant="T9", requester="jwt:i|s"), Verdict.DENY, "tenant-wall"),
        (call(requester="slack:T2:U_EVE"), Verdict.DENY, "tenant-wall"),
        (call(requester="slack:T9:U_ADA"), Verdict.ALLOW, "low-risk-runs"),
    ],
)
async def test_shipped(tmp_path: Path, asked: ToolCall, verdict: Verdict, rule: str) -> None:
    """
    Low risk runs, unless it could send out what was read elsewhere; high risk asks; tenants keep apart.
    """
    opinion = await policy(tmp_path).ironclaw_verdict(asked)

    assert (verdict, rule) == (opinion.verdict, opinion.rule)


async def test_a_tool_with_hosts_is_a_sink_whatever_its_circumstances_say(tmp_path: Path) -> None:
    """
    A call of which nobody found out the hosts has those of its tool.
    """
    asked = call(taint=("b.com",))
    reaching = replace(asked, capabilities=Capabilities(http=(HttpRule("a.com"),)))

    assert Verdict.REVIEW == (await policy(tmp_path).ironclaw_verdict(reaching)).verdict


@pytest.mark.parametrize(
    "odd", ['T"1', "T\n1", "é", "", "T1\\", '"); permit(principal, action, resource);//']
)
async def test_odd_ids_change_nothing(tmp_path: Path, odd: str) -> None:
    """
    Ids are data to the policy: none of them writes policy text.
    """
    opinion = await policy(tmp_path).ironclaw_verdict(replace(call("high"), requester=odd, tool=odd))

    assert opinion.verdict in (Verdict.REVIEW, Verdict.DENY)


@pytest.mark.parametrize("action", ["action", 'action == Action::"auto_run"'])
async def test_a_forbid_that_cannot_be_evaluated_is_a_deny(tmp_path: Path, action: str) -> None:
    """
    Cedar skips a forbid that fails; here it denies all the same, and does not ask a person either.
    """
    text = f"{ALL} forbid(principal, {action}, resource) when {{ 9223372036854775807 + 1 == 1 }};"
    opinion = await policy(tmp_path, text).ironclaw_verdict(CALL)

    assert (Verdict.DENY, "policy-error") == (opinion.verdict, opinion.rule)


async def test_an_empty_policy_denies(tmp_path: Path) -> None:
    """
    No policy is no permission.
    """
    assert Opinion(Verdict.DENY, "no-policy", "No policy allows this.") == await policy(
        tmp_path, ""
    ).ironclaw_verdict(CALL)


@pytest.mark.parametrize("requester", ["slack:T2:U_EVE", "slack:T1:U_ADA"])
async def test_walls_stand_behind_every_policy(tmp_path: Path, requester: str) -> None:
    """
    A policy that allows everything does not lift the wall between tenants.
    """
    opinion = await policy(tmp_path, ALL).ironclaw_verdict(replace(CALL, requester=requester))

    assert (Verdict.DENY if "T2" in requester else Verdict.ALLOW) == opinion.verdict


@pytest.mark.parametrize("where", ["action", f'action == Action::"{ASK}"'])
async def test_what_no_approval_lifts(tmp_path: Path, where: str) -> None:
    """
    A forbid of run_with_approval is final: the call neither runs by itself nor asks a person.
    """
    text = f'{ALL} @id("never") @reason("Not here.") forbid(principal, {where}, resource);'

    assert Opinion(Verdict.DENY, "never", "Not here.") == await policy(tmp_path, text).ironclaw_verdict(CALL)


@pytest.mark.parametrize(
    ("other", "verdict", "rule"),
    [("", Verdict.CORRECT, "n"), ("forbid(principal, action, resource);", Verdict.DENY, "common#3,n")],
)
async def test_advice(tmp_path: Path, other: str, verdict: Verdict, rule: str) -> None:
    """
    A forbid with advice corrects the brain; beside one without it is a deny.
    """
    text = f'{ALL} @id("n") @advice("Use b.c instead.") forbid(principal, action, resource); {other}'
    opinion = await policy(tmp_path, text).ironclaw_verdict(CALL)

    assert (verdict, rule) == (opinion.verdict, opinion.rule)


async def test_advice_is_what_the_brain_reads(tmp_path: Path) -> None:
    """
    The words of the annotation, as they stand there.
    """
    text = f'{ALL} @advice("Use b.c instead.") forbid(principal, action, resource);'

    assert "Use b.c instead." == (await policy(tmp_path, text).ironclaw_verdict(CALL)).reason


async def test_terms_of_all_rules_that_match(tmp_path: Path) -> None:
    """
    Of several rules the strictest of each term holds, and the card names them.
    """
    text = f"""
    @id("two") @quorum("2") @minutes("30") @grants("workflow,tool")
    permit(principal, action == Action::"{ASK}", resource);
    @id("money") @approvers("finance") @escalate("cfo after 45") @minutes("90") @step_up("totp")
    @grants("tool") permit(principal, action == Action::"{ASK}", resource)
    when {{ context has amount && context.amount > 9 }};
    @id("other") @quorum("9") permit(principal, action == Action::"{ASK}", resource)
    when {{ resource.risk == "low" }};
    """
    opinion = await policy(tmp_path, text).ironclaw_verdict(call("high", args={"amount": 9.5}))

    finance = frozenset({Group("finance", "cfo", 45.0)})
    assert Terms(2, finance, 30.0, True, frozenset({GrantScope.TOOL})) == opinion.terms
    assert "money,two" == opinion.rule


@pytest.mark.parametrize(("to", "expected"), [(["a@x"], Verdict.ALLOW), (["a@x", "b"], Verdict.DENY)])
async def test_every_element_of_a_list_is_seen(tmp_path: Path, to: list[str], expected: Verdict) -> None:
    """
    A rule about a list holds for all that is in it, wherever it stands.
    """
    opinion = await policy(tmp_path, ALL + NOT_FOR_B).ironclaw_verdict(call(args={"to": to}))

    assert expected == opinion.verdict


async def test_roles_and_time(tmp_path: Path) -> None:
    """
    Rules may ask who somebody is and what time it is: at noon of this Friday nobody is finance.
    """
    text = f"""{ALL} @id("friday") forbid(principal, action, resource)
    when {{ context.weekday == 5 && context.hour == 12 && !principal.roles.contains("group:finance") }};"""
    opinion = await policy(tmp_path, text).ironclaw_verdict(CALL)

    assert "friday" == opinion.rule


TENANTS = {
    '@id("no") forbid(principal, action, resource);': Verdict.DENY,
    '@id("ask") forbid(principal, action == Action::"auto_run", resource);': Verdict.REVIEW,
    f'@id("q") @quorum("2") permit(principal, action == Action::"{ASK}", resource);': Verdict.ALLOW,
}


@pytest.mark.parametrize("text", TENANTS)
async def test_a_tenants_own_file(tmp_path: Path, text: str) -> None:
    """
    It takes away from its tenant and from no other.
    """
    plugin = policy(tmp_path, T1=text)
    both = [await plugin.ironclaw_verdict(each) for each in (call(), call(tenant="T2", requester="jwt:i|s"))]

    assert [TENANTS[text], Verdict.ALLOW] == [each.verdict for each in both]


async def test_a_tenants_own_file_permits_nothing(tmp_path: Path) -> None:
    """
    Its terms add to what the common policy lets people approve; where that permits nothing, nothing is.
    """
    terms = f'@quorum("1") permit(principal, action == Action::"{ASK}", resource);'
    opinion = await policy(tmp_path, LOW, T1=terms).ironclaw_verdict(CALL)

    assert (Verdict.DENY, "no-policy") == (opinion.verdict, opinion.rule)


@pytest.mark.parametrize(
    ("common", "own", "expected"),
    [
        ("", "tool", frozenset()),
        ('@grants("workflow")', "tool,workflow", frozenset({GrantScope.WORKFLOW})),
        ('@grants("workflow,tool")', "none", frozenset()),
    ],
)
async def test_a_tenants_own_file_opens_no_grants(
    tmp_path: Path, common: str, own: str, expected: frozenset[GrantScope]
) -> None:
    """
    What may be remembered is at most what the common rules say.
    """
    scope = f'permit(principal, action == Action::"{ASK}", resource)'
    plugin = policy(tmp_path, f"{common} {scope};", T1=f'@grants("{own}") {scope};')

    assert expected == (await plugin.ironclaw_verdict(CALL)).terms.grants
