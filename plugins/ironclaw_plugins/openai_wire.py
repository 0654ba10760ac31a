"""A conversation as a Chat Completions request, and the reply as a move.  Pure functions, no network."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from ironclaw.errors import BrainError
from ironclaw.task import Conversation, Message, Move, ProposedCall, Role, ToolOffer, observation

_FUNCTION_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")

EMPTY = "The model gave neither a tool call nor an answer. Ask again, or set another openai_model."
UNREADABLE = "The model's server answered something that is no chat completion. Check OPENAI_BASE_URL."
CUT_OFF = "The model's turn was cut off at its length limit, so nothing of it was used. Ask for less at once."
FILTERED = "The model's server stopped the answer with its content filter. Word the task differently."
NO_RESULT = observation("cancelled", "This call was not run.")


class Unreadable(BrainError):
    """The reply is no chat completion."""


def request(conversation: Conversation, model: str, prompt: str) -> dict[str, Any]:
    """The body of the request, without anything that only one vendor knows."""
    body: dict[str, Any] = {"model": model, "messages": messages(conversation.messages, prompt)}
    if conversation.tools:
        body["tools"] = [function(offer) for offer in conversation.tools]
    return body


def function(offer: ToolOffer) -> dict[str, Any]:
    """One tool as the model is told of it."""
    return {
        "type": "function",
        "function": {
            "name": wire_name(offer.name),
            "description": offer.description,
            "parameters": dict(offer.schema),
        },
    }


def wire_name(tool: str) -> str:
    """The tool's name as a function name, which may hold no dot; tool names hold no hyphen."""
    name = tool.replace(".", "-")
    return (
        name
        if _FUNCTION_NAME.fullmatch(name)
        else f"tool-{hashlib.sha256(_text(tool).encode()).hexdigest()[:32]}"
    )


def messages(history: Sequence[Message], prompt: str) -> list[dict[str, Any]]:
    """The history with each call answered exactly once, under ids of our own.

    The model's ids mean nothing outside its own turn and may repeat; an unanswered call, which servers
    refuse, is answered with what is true: it was not run.
    """
    sent: list[dict[str, Any]] = [{"role": "system", "content": prompt}]
    for index, message in enumerate(history):
        if message.role is Role.USER:
            sent.append({"role": "user", "content": _text(message.text)})
        elif message.role is Role.ASSISTANT and not message.calls:
            sent.append({"role": "assistant", "content": _text(message.text)})
        elif message.role is Role.ASSISTANT:
            sent += _turn(index, message, _results(history[index + 1 :]))
    return sent


def _results(following: Sequence[Message]) -> dict[str, str]:
    """Result texts by call id, up to the next turn."""
    results: dict[str, str] = {}
    for message in following:
        if message.role is not Role.TOOL:
            break
        results.setdefault(message.call_id, message.text)
    return results


def _turn(index: int, message: Message, results: dict[str, str]) -> Iterator[dict[str, Any]]:
    ids = [f"call_{index}_{position}" for position in range(len(message.calls))]
    yield {
        "role": "assistant",
        "content": _text(message.text) or None,
        "tool_calls": [_call(wire_id, call) for wire_id, call in zip(ids, message.calls, strict=True)],
    }
    for wire_id, call in zip(ids, message.calls, strict=True):
        content = envelope(f"tool {call.tool}", results.get(call.id, NO_RESULT))
        yield {"role": "tool", "tool_call_id": wire_id, "content": content}


def _call(wire_id: str, call: ProposedCall) -> dict[str, Any]:
    spoken = {"name": wire_name(call.tool), "arguments": _text(call.arguments)}
    return {"id": wire_id, "type": "function", "function": spoken}


def envelope(source: str, untrusted: str) -> str:
    """A text that names where it comes from and cannot be closed from inside: it is one JSON string."""
    return json.dumps({"source": _text(source), "untrusted": _text(untrusted)}, ensure_ascii=False)


def _text(text: str) -> str:
    """The text as UTF-8 can carry it: a lone surrogate would break the request."""
    return text.encode("utf-8", "replace").decode()


class _Function(BaseModel):
    name: str
    arguments: str | dict[str, Any] = ""  #: Some servers send the object itself.


class _Call(BaseModel):
    id: str | None = None
    function: _Function


class _Said(BaseModel):
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(BaseModel):
    message: _Said
    finish_reason: str | None = None


class _Used(BaseModel):
    total_tokens: int = Field(0, ge=0)


class _Reply(BaseModel):
    """What we read of a reply; whatever else stands in it is ignored."""

    choices: list[_Choice] = Field(min_length=1)
    usage: _Used | None = None


def move(body: str | bytes, tools: Sequence[ToolOffer]) -> Move:
    """The reply as a move.

    :param body: the response's JSON text
    :param tools: what was offered; a name outside it stays as the model wrote it, for the veto to refuse
    :raises BrainError: cut off, filtered or empty
    :raises Unreadable: no chat completion at all
    """
    try:
        reply = _Reply.model_validate_json(body)
    except ValidationError:
        raise Unreadable(UNREADABLE) from None
    choice = reply.choices[0]
    tokens = reply.usage.total_tokens if reply.usage else 0
    said = choice.message
    if choice.finish_reason == "content_filter":
        raise BrainError(FILTERED)
    if said.tool_calls:
        return Move(calls=_calls(choice, tools), tokens=tokens)
    return Move(answer=_answer(choice), tokens=tokens)


def _calls(choice: _Choice, tools: Sequence[ToolOffer]) -> tuple[ProposedCall, ...]:
    if choice.finish_reason == "length":
        raise BrainError(CUT_OFF)
    names = {wire_name(offer.name): offer.name for offer in tools}
    return tuple(
        ProposedCall(
            id=f"{index}:{call.id or ''}",  # A repeated id would pair one result with two calls.
            tool=names.get(call.function.name, call.function.name),
            arguments=_raw(call.function.arguments),
        )
        for index, call in enumerate(choice.message.tool_calls or ())
    )


def _raw(arguments: str | dict[str, Any]) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)


def _answer(choice: _Choice) -> str:
    if choice.message.refusal:
        return f"The model declined: {choice.message.refusal}"
    content = (choice.message.content or "").strip()
    if not content:
        raise BrainError(CUT_OFF if choice.finish_reason == "length" else EMPTY)
    return f"{content}\n(The answer was cut off at the model's length limit.)" if _is_cut(choice) else content


def _is_cut(choice: _Choice) -> bool:
    return choice.finish_reason == "length"
