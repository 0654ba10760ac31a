"""What the brain gets to see, and what is kept of what it says."""

from __future__ import annotations

from dataclasses import replace

from ironclaw.store import Flow, Past
from ironclaw.task import Conversation, Message, Move, ProposedCall, Role, ToolOffer, ToolResult

CHARACTERS_PER_TOKEN = 4  #: A rule of thumb for budgets; the provider's own count is what is billed.
MAX_KEPT = 64  #: Calls kept of one turn: each is a row, and a turn is one transaction that others wait for.
MAX_TEXT = 100_000  #: Characters kept of an answer or of one call's arguments.


def conversation(flow: Flow, offers: tuple[ToolOffer, ...], history_tokens: int) -> Conversation:
    """The thread's past within its budget, then this workflow's messages."""
    return Conversation(
        tenant=flow.tenant,
        workflow_id=flow.id,
        requester=flow.requester,
        messages=_past(flow, history_tokens) + flow.messages,
        tools=offers,
        door=flow.door,
    )


def _past(flow: Flow, history_tokens: int) -> tuple[Message, ...]:
    left = history_tokens * CHARACTERS_PER_TOKEN
    kept: list[Past] = []
    for each in reversed(flow.past):
        left -= len(each.asked) + len(each.answered)
        if left < 0:
            break
        kept.insert(0, each)
    return tuple(
        message
        for each in kept
        for message in (Message(Role.USER, each.asked), Message(Role.ASSISTANT, each.answered))
    )


def safe_move(move: Move) -> Move:
    """The move as it can be stored: no text that none keeps, nothing endless, each call with an id."""
    calls = tuple(_safe_call(call, index) for index, call in enumerate(move.calls[:MAX_KEPT]))
    answer = None if move.answer is None else storable(move.answer)
    return replace(move, calls=calls, answer=answer, left_out=len(move.calls) - len(calls))


def _safe_call(call: ProposedCall, index: int) -> ProposedCall:
    return ProposedCall(
        storable(call.id)[:200] or f"call-{index}", storable(call.tool), storable(call.arguments)
    )


def storable(text: str) -> str:
    """The text as a row can hold it: what no database keeps would make its workflow impossible to end."""
    return _kept(text[:MAX_TEXT])


def storable_result(result: ToolResult) -> ToolResult:
    """What came of a tool, as a row can hold it."""
    output, failure = result.output, result.failure
    return replace(
        result,
        output=None if output is None else _kept(output),
        failure=None if failure is None else replace(failure, message=_kept(failure.message)),
    )


def _kept(text: str) -> str:
    """Without lone surrogates, and without U+0000, which PostgreSQL refuses."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
