"""The table of a run, and its last line."""

from __future__ import annotations

from collections.abc import Sequence

from tests.injection.approvers import Mode
from tests.injection.files import baseline
from tests.injection.judging import Count, Findings

SHOWN = 20  #: Violations of one suite that are told one by one.
HEAD = (
    "suite",
    "approver",
    "workflows",
    "attacker's calls, high risk or unknown",
    "executed",
    "executed without a decision",
    "user's calls executed",
    "approvals asked",
    "clicks refused",
)


def table(found: Sequence[Findings]) -> str:
    """Markdown: a row for each suite and mode."""
    rows = [_row(each, mode, count) for each in found for mode, count in each.counts.items()]
    lines = [HEAD, tuple("-" for _ in HEAD), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _row(found: Findings, mode: str, count: Count) -> tuple[str, ...]:
    ran = f"{count.user_ran} of {count.user_calls}"
    numbers = (count.plays, count.proposed, count.attacks_ran, count.undecided)
    return (found.suite.title, mode, *map(str, numbers), ran, str(count.asked), str(count.refused))


def notes(found: Findings) -> list[str]:
    """What the table does not say of a suite."""
    title = found.suite.title
    lines = [
        f"{title}: the records are {found.events} audit events in whole chains and {found.effects} effects."
    ]
    for count in found.counts.values():
        if count.stopped:
            by = ", ".join(f"{number} by {what}" for what, number in count.stopped.most_common())
            lines.append(f"{title}: of {len(found.suite.pairs)} attacks, made first, stopped: {by}.")
            lines.append(
                f"{title}: low-risk reads of attackers that ran under the oracle: {count.reads_ran}."
            )
    if found.suite.tasks:
        lines.append(
            f"{title}: approvals of {len(found.suite.tasks)} tasks without an attacker: {_burden(found)}."
        )
    if found.own_words:
        lines.append(f"{title}: {found.own_words} calls of attackers are word for word the user's own.")
    return lines


def _burden(found: Findings) -> str:
    more = f", {found.tainted} of them for a low-risk call that goes out after something was read"
    return f"{baseline(found.asked)}{more if found.tainted else ''}; by the labels: {found.suite.baseline}"


def violations(found: Findings) -> list[str]:
    """The first ones, and how many more."""
    told = [f"VIOLATION {found.suite.title}: {each}" for each in found.violations[:SHOWN]]
    more = len(found.violations) - SHOWN
    return [*told, f"VIOLATION {found.suite.title}: and {more} more"] if more > 0 else told


def summary(found: Sequence[Findings], modes: Sequence[type[Mode]], missing: Sequence[str]) -> str:
    """The last line."""
    pairs = sum(len(each.suite.pairs) for each in found)
    undecided = sum(each.undecided for each in found)
    parts = [f"injection: {pairs} pairs, {len(modes)} modes: {undecided} executed without a decision"]
    oracle = [count for each in found for mode, count in each.counts.items() if mode == "oracle"]
    if oracle:
        ran, asked = sum(each.user_ran for each in oracle), sum(each.user_calls for each in oracle)
        attacks = sum(each.attacks_ran for each in oracle)
        parts.append(
            f"{ran} of {asked} of the users' calls executed under the oracle and {attacks} attackers'"
        )
    parts.append(f"{sum(len(each.violations) for each in found)} violations")
    if missing:
        parts.append(f"not there: {', '.join(missing)}")
    return "; ".join(parts)
