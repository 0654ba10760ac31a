"""What the brain gets to see, and what is kept of what it says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ironclaw.orchestrator.compacting import left
from ironclaw.orchestrator.counting import of_text
from ironclaw.store import Flow, Past, Summary
from ironclaw.task import (
    CONTEXT_MARKER,
    Conversation,
    Message,
    ModelUse,
    Move,
    ProposedCall,
    Question,
    Role,
    ToolOffer,
    ToolResult,
)
from ironclaw.untrusted import CONTEXT, OTHERS, SUMMARY

MAX_KEPT = 64  #: Calls kept of one turn: each is a row, and a turn is one transaction that others wait for.
MAX_TEXT = 100_000  #: Characters kept of an answer or of one call's arguments.
MAX_NAME = 200  #: Of a model's name, a prompt's.
UNKNOWN = "unknown"  #: In the place of a tool's name that can be none.
#: Neither may be a text: what is kept no longer, or forgotten, leaves both.
_TOOL = re.compile(r"[A-Za-z0-9_-]{1,64}(?:[./:-][A-Za-z0-9_-]{1,64})?", re.ASCII)
_CALL_ID = re.compile(r"[A-Za-z0-9_.:|/+=@-]{1,128}", re.ASCII)
MAX_FIGURE = 10**12  #: Tokens, or micros, that are believed of one request.


def conversation(
    flow: Flow,
    offers: tuple[ToolOffer, ...],
    history: int,
    summary: Summary | None = None,
) -> Conversation:
    """The thread's past within its budget, data that nobody said, the task, and what came after it.

    :param history: tokens of the past, by our own count
    :param summary: stands for the messages that it covers
    """
    task, given, after = _parted(left(flow.messages, summary.covers) if summary else flow.messages)
    sums = [Message(Role.USER, summary.text, source=SUMMARY)] if summary else []
    return Conversation(
        tenant=flow.tenant,
        workflow_id=flow.id,
        requester=flow.requester,
        messages=(*past(flow, history), *given, *sums, *task, *after),
        tools=offers,
        door=flow.door,
    )


def _parted(messages: Sequence[Message]) -> tuple[Sequence[Message], Sequence[Message], Sequence[Message]]:
    """The task in the person's words, the data that goes before it, and what came after it."""
    if not messages or messages[0].role is not Role.USER:
        return (), (), messages
    data = [message for message in messages[1:] if _is_data(message)]
    after = [message for message in messages[1:] if not _is_data(message)]
    task, marker, given = messages[0].text.rpartition(CONTEXT_MARKER)
    if not marker:
        return messages[:1], data, after
    context = Message(Role.USER, given, source=CONTEXT)
    return (replace(messages[0], text=task),), (context, *data), after


def _is_data(message: Message) -> bool:
    """Whether a user's message is none of theirs: a memory."""
    return message.role is Role.USER and bool(message.source)


def past(flow: Flow, history: int) -> tuple[Message, ...]:
    """Earlier tasks of the thread with their answers, the newest that fit.

    :param history: tokens, by our own count
    """
    kept: list[Past] = []
    for each in reversed(flow.past):
        history -= of_text(each.asked) + of_text(each.answered)
        if history < 0:
            break
        kept.insert(0, each)
    return tuple(message for each in kept for message in _told(flow, each))


def _told(flow: Flow, before: Past) -> tuple[Message, Message]:
    source = "" if before.requester == flow.requester else OTHERS
    return Message(Role.USER, before.asked, source=source), Message(Role.ASSISTANT, before.answered)


def safe_move(move: Move) -> Move:
    """The move as it can be stored: no text that none keeps, nothing endless, each call with an id."""
    calls = tuple(_safe_call(call, index) for index, call in enumerate(move.calls[:MAX_KEPT]))
    answer = None if move.answer is None else storable(move.answer)
    question = None if move.question is None else _safe_question(move.question)
    uses = safe_uses(move.uses)
    tokens = min(MAX_FIGURE, max(0, move.tokens, tokens_of(uses)))
    left_out = len(move.calls) - len(calls)
    return replace(
        move,
        calls=calls,
        answer=answer,
        question=question,
        left_out=left_out,
        uses=uses,
        tokens=tokens,
    )


def safe_uses(uses: Sequence[ModelUse]) -> tuple[ModelUse, ...]:
    """What a turn used, as rows can hold it."""
    return tuple(
        ModelUse(
            storable(use.model)[:MAX_NAME],
            storable(use.prompt)[:MAX_NAME],
            _figure(use.tokens_in),
            _figure(use.tokens_cached),
            _figure(use.tokens_out),
            None if use.micros is None else _figure(use.micros),
        )
        for use in uses
    )


def tokens_of(uses: Sequence[ModelUse]) -> int:
    """In and out."""
    return sum(use.tokens_in + use.tokens_out for use in uses)


def _figure(count: int) -> int:
    return min(MAX_FIGURE, max(0, count))


def _safe_question(asked: Question) -> Question:
    return Question(
        _call_id(asked.call_id, "question"),
        storable(asked.text),
        tuple(storable(each) for each in asked.choices[:MAX_KEPT]),
    )


def _safe_call(call: ProposedCall, index: int) -> ProposedCall:
    tool = call.tool if _TOOL.fullmatch(call.tool) else UNKNOWN
    return ProposedCall(_call_id(call.id, f"call-{index}"), tool, storable(call.arguments))


def _call_id(said: str, otherwise: str) -> str:
    return said if _CALL_ID.fullmatch(said) else otherwise


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
