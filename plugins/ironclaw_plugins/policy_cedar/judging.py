"""From Cedar's two answers to one opinion.  What is not a clear yes is a no."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import replace
from functools import reduce

import cedarpy

from ironclaw.task import Opinion, ToolCall, Verdict
from ironclaw.terms import Terms
from ironclaw_plugins.policy_cedar.answers import Answer, Answers
from ironclaw_plugins.policy_cedar.book import Book
from ironclaw_plugins.policy_cedar.facts import Facts, Questions
from ironclaw_plugins.policy_cedar.rules import Rule

NO_POLICY = "No policy allows this."
MOST_KNOWN = 10_000  #: Answers that one book remembers.


def ask(book: Book, asked: Questions) -> Answers:
    """Both answers, or errors.

    Cedar has no clock and no memory: the very same question to the very same rules has the same answer.
    """
    requests, entities = asked.requests(), json.dumps(asked.entities)
    question = hashlib.sha256(json.dumps([requests, entities]).encode()).digest()
    if known := book.answered.get(question):
        return known
    answers = _asked(book, requests, entities)
    if len(book.answered) >= MOST_KNOWN:
        book.answered.clear()
    if not answers.error:
        book.answered[question] = answers
    return answers


def _asked(book: Book, requests: list[Facts], entities: str) -> Answers:
    try:
        found = cedarpy.is_authorized_batch(requests, book.policies, entities, schema=book.schema)
    except ValueError as error:
        refused = Answer(False, (), str(error) or "refused")
        return Answers(refused, refused)
    run, with_approval = (_answer(book, each) for each in found)
    return Answers(run, with_approval)


def _answer(book: Book, answer: cedarpy.AuthzResult) -> Answer:
    rules = tuple(book.rules[each] for each in sorted(answer.diagnostics.reasons))
    # Cedar skips a forbid whose evaluation fails (measured; notes: security, fact 5).
    error = "; ".join(answer.diagnostics.errors)
    if answer.decision is cedarpy.Decision.NoDecision:
        error = error or "no decision"
    # A tenant's own rules permit nothing: one of the common ones must.
    is_yes = answer.decision is cedarpy.Decision.Allow and any(rule.is_common for rule in rules)
    return Answer(is_yes and not error, rules, error)


def opinion(call: ToolCall, answers: Answers) -> Opinion:
    """The verdict: a no to run_with_approval is final, whatever auto_run says; no approval lifts it."""
    if answers.error:
        return Opinion(Verdict.DENY, "policy-error", "Policy could not be evaluated, so this is denied.")
    if not answers.ask.is_yes:
        return _refusal(answers.ask)
    if answers.run.is_yes:
        return Opinion(Verdict.ALLOW, _names(answers.run.rules))
    return _review(call, answers)


def _refusal(answer: Answer) -> Opinion:
    forbids = [rule for rule in answer.rules if rule.is_forbid]
    if not forbids:
        return Opinion(Verdict.DENY, "no-policy", NO_POLICY)
    if all(rule.advice for rule in forbids):
        return Opinion(Verdict.CORRECT, _names(forbids), " ".join(rule.advice for rule in forbids))
    reasons = " ".join(rule.reason for rule in forbids if rule.reason)
    return Opinion(Verdict.DENY, _names(forbids), reasons or "Policy forbids this.")


def _review(call: ToolCall, answers: Answers) -> Opinion:
    """A person decides: because of the rules that keep it from running alone, on the terms of all others."""
    forbids = [rule for rule in answers.run.rules if rule.is_forbid]
    with_terms = [rule for rule in answers.ask.rules if rule.terms]
    why = [*forbids, *with_terms] or answers.ask.rules
    reasons = " ".join(dict.fromkeys(rule.reason for rule in why if rule.reason))
    otherwise = f"{call.tool} is {call.risk.value} risk: a person decides."
    return Opinion(Verdict.REVIEW, _names(why), reasons or otherwise, strictest(answers.ask.rules))


def strictest(rules: Iterable[Rule]) -> Terms:
    """What satisfies the terms of every rule.  A tenant's own narrow what may be remembered and who may
    decide, no more: the circle of the common rules, be it the approvers, stays around theirs.
    """
    found = list(rules)
    common = _all(rule.terms for rule in found if rule.is_common)
    own = _all(rule.terms for rule in found if not rule.is_common)
    both = replace(common.strictest(own), approvers=bool(own.groups) and common.asks_approvers)
    if common.grants is None and own.grants is not None:
        return replace(both, grants=frozenset())
    return both


def _all(terms: Iterable[Terms | None]) -> Terms:
    return reduce(Terms.strictest, [each for each in terms if each], Terms())


def _names(rules: Iterable[Rule]) -> str:
    return ",".join(sorted({rule.id for rule in rules}))
