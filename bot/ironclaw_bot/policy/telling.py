"""What policy says, in lines for people."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ironclaw.task import Verdict
from ironclaw.terms import Terms
from ironclaw_bot.authoring.commands import printable
from ironclaw_bot.policy.trial import Said
from ironclaw_plugins.policy_cedar import Answer, Library, Rule


def explained(said: Said) -> Iterator[str]:
    """The verdict, the rules behind it, its terms, and what it was made of."""
    yield f"{said.opinion.verdict.value}: {said.opinion.rule}"
    if said.opinion.reason:
        yield f"  {said.opinion.reason}"
    yield f"May it run with approval?  {_answer(said.answers.ask)}"
    yield f"May it run on its own?     {_answer(said.answers.run)}"
    if said.opinion.verdict is Verdict.REVIEW:
        yield f"Who decides:               {terms(said.opinion.terms)}"
        yield f"                           {said.deciders.problem or said.deciders.words()}"
    yield from (f"  {line}" for line in _facts(said))
    yield f"policy {said.version}"


def _answer(answer: Answer) -> str:
    if answer.error:
        return f"It could not be evaluated: {answer.error}"
    rules = ", ".join(f"{rule.id} ({rule.file})" for rule in answer.rules)
    if answer.is_yes:
        return f"Yes, by {rules}."
    if any(rule.is_forbid for rule in answer.rules):
        return f"No: forbidden by {rules}."
    return (
        f"No: only {rules} permits it, and a tenant's own file permits nothing."
        if rules
        else "No: no rule permits it."
    )


def terms(asked: Terms) -> str:
    """What a review asks of people, in one line."""
    return ", ".join(_terms(asked))


def _terms(asked: Terms) -> Iterator[str]:
    groups = " and of ".join(
        f"{group.name} (or {group.or_else} after {group.after_minutes:g} minutes)"
        if group.or_else
        else group.name
        for group in sorted(asked.groups)
    )
    one, many = ("person", "people") if groups else ("approver", "approvers")
    yield f"{asked.quorum} {one if asked.quorum == 1 else many}" + (f" of {groups}" if groups else "")
    if asked.minutes is not None:
        yield f"within {asked.minutes:g} minutes"
    if asked.step_up:
        yield "with a second factor"
    if asked.grants:
        yield f"may be remembered for: {', '.join(sorted(scope.value for scope in asked.grants))}"


def _facts(said: Said) -> Iterator[str]:
    call, given = said.call, said.call.circumstances
    yield f"tool     {call.tool}, {call.risk.value} risk, effect {call.effect.value}"
    yield f"args     {printable(call.args)}"
    verb = "scheduled" if given.scheduled else "asked"
    yield f"{verb} by {printable(call.requester)} of {call.tenant}, {call.door} {given.channel}".rstrip()
    yield f"hosts    {', '.join(sorted(given.hosts)) or 'none'}"
    yield f"read     {', '.join(sorted(given.taint)) or 'nothing untrusted since the last word of a person'}"


def listed(library: Library) -> Iterator[str]:
    """Every rule, by its book."""
    books = {"": library.common, **library.own}
    common = set(library.common.rules)
    for tenant, book in books.items():
        for rule in book.rules.values():
            if not tenant or rule.id not in common:
                yield _line(rule)


def _line(rule: Rule) -> str:
    effect = "forbid" if rule.is_forbid else "permit"
    asks = f"  {terms(rule.terms)}" if rule.terms else ""
    says = (
        f"  {json.dumps(rule.advice or rule.reason, ensure_ascii=False)}"
        if rule.advice or rule.reason
        else ""
    )
    return f"{effect} {rule.id:<24} {rule.file}{asks}{says}"
