"""How a workflow stands, in a sentence that every door says alike.  Plain text: a door escapes it."""

from __future__ import annotations

from ironclaw.budgets import money
from ironclaw.task import ModelTotal, WorkflowState, WorkflowView

SENTENCES = {
    WorkflowState.QUEUED: "Accepted; it waits for its turn.",
    WorkflowState.RUNNING: "The model or a tool is at work.",
    WorkflowState.PAUSED: "It waits for people.",
    WorkflowState.DONE: "Done.",
    WorkflowState.FAILED: "Ended without an answer.",
    WorkflowState.CANCELLED: "Stopped.",
}


def sentence(view: WorkflowView) -> str:
    """What it does, or waits for."""
    if view.doubt:
        return f"It waits for somebody to say whether {view.doubt.tool} ran."
    if view.question:
        return "It waits for an answer of who asked for it."
    if view.approval:
        return f"It waits for a decision on {view.approval.tool}."
    if view.behind:
        return f"It waits for an earlier task of its thread, {view.behind}."
    if view.state is WorkflowState.FAILED and (why := first_line(view.outcome)):
        return f"Ended without an answer: {why}"
    if view.stop_by:
        return f"It ends as soon as the tool that runs has: {view.stop_by} wants it stopped."
    return SENTENCES[view.state]


def first_line(text: str, most: int = 200) -> str:
    """The first line of a text that says something; … where there is more of it."""
    lines = [line.strip() for line in text.splitlines() if line.strip(" \t`")]
    first = lines[0] if lines else ""
    is_whole = len(lines) < 2 and len(first) <= most
    return first if is_whole else f"{first[: most - 1]}…"


def used(total: ModelTotal) -> str:
    """What models used: ``3,412 tokens, $0.004``; without money where a model has no price."""
    tokens = f"{total.tokens:,} token{'' if total.tokens == 1 else 's'}"
    return tokens if total.micros is None else f"{tokens}, {money(total.micros)}"


def with_total(line: str, total: ModelTotal | None) -> str:
    """A last line, and what the workflow used where that is known."""
    return f"{line} {used(total)}." if total else line
