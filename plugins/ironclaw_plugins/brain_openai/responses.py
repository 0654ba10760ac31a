"""Responses: OpenAI's own, without its memory.  Nothing is stored there; the history is ours each time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from ironclaw.errors import BrainError
from ironclaw.task import Message, ProposedCall, Role
from ironclaw_plugins.brain_openai.faults import OWN_TOOLS, UNREADABLE, Said, Unreadable, failed_midway
from ironclaw_plugins.brain_openai.functions import Function
from ironclaw_plugins.brain_openai.profiles import Profile
from ironclaw_plugins.brain_openai.wire import Ask, End, Few, Reply, Used

ENDS = {"max_output_tokens": End.LENGTH, "content_filter": End.FILTER}
#: Reasoning is the server's: it is not shown, and what was not stored cannot be sent back by its id.
IGNORED = ("reasoning",)


def body(ask: Ask, profile: Profile) -> dict[str, Any]:
    """The request: each time the whole history, and never the id of an earlier response."""
    sent: dict[str, Any] = {
        "model": ask.model,
        "instructions": ask.prompt,
        "input": [item for message in ask.messages for item in _items(message)],
        "store": False,
    }
    if ask.functions:
        sent["tools"] = [_function(each) for each in ask.functions]
        sent["parallel_tool_calls"] = bool(profile.parallel)
    if ask.insists and profile.tool_choice:
        sent["tool_choice"] = "required"
    wanted = {"temperature": ask.temperature, "max_output_tokens": ask.max_output_tokens}
    sent |= {key: value for key, value in wanted.items() if value is not None}
    sent |= {"stream": True} if ask.streams(profile) else {}
    return sent | ({"safety_identifier": ask.who} if profile.knows_store else {})


def _items(message: Message) -> Iterator[dict[str, Any]]:
    if message.role is Role.TOOL:
        yield {"type": "function_call_output", "call_id": message.call_id, "output": message.text}
        return
    if message.text or not message.calls:
        yield {"type": "message", "role": message.role.value, "content": message.text}
    for call in message.calls:
        yield {"type": "function_call", "call_id": call.id, "name": call.tool, "arguments": call.arguments}


def _function(function: Function) -> dict[str, Any]:
    return {
        "type": "function",
        "name": function.name,
        "description": function.description,
        "parameters": dict(function.parameters),
        "strict": function.is_strict,
    }


class _Part(BaseModel):
    type: str = ""
    text: str = ""
    refusal: str = ""


class Item(BaseModel):
    """One item of an output."""

    type: str
    content: Few[_Part] | None = None
    call_id: str | None = None
    name: str = ""
    arguments: str = ""


class _Cached(BaseModel):
    cached_tokens: int | None = Field(None, ge=0)


class _Counted(BaseModel):
    input_tokens: int = Field(0, ge=0)
    output_tokens: int = Field(0, ge=0)
    input_tokens_details: _Cached | None = None

    @property
    def used(self) -> Used:
        cached = self.input_tokens_details.cached_tokens if self.input_tokens_details else 0
        return Used(self.input_tokens, min(cached or 0, self.input_tokens), self.output_tokens)


class _Why(BaseModel):
    reason: str = ""


class Whole(BaseModel):
    """What we read of a response; whatever else stands in it is ignored."""

    output: Few[Item]
    status: str | None = None
    incomplete_details: _Why | None = None
    error: Any = None
    usage: _Counted | None = None


def reply(content: bytes) -> Reply:
    """A reply that came in one piece.

    :raises Unreadable: it is no response
    :raises BrainError: it failed, or the server ran something of its own
    """
    try:
        return read(Whole.model_validate_json(content))
    except ValidationError:
        raise Unreadable(UNREADABLE) from None


def read(found: Whole) -> Reply:
    """
    :raises BrainError: as :func:`reply`
    """
    if found.status in ("failed", "cancelled"):
        raise failed_midway(Said.of(found.error))
    if any(item.type not in ("message", "function_call", *IGNORED) for item in found.output):
        raise BrainError(OWN_TOOLS)
    parts = [part for item in found.output if item.type == "message" for part in item.content or ()]
    return Reply(
        text="".join(part.text for part in parts if part.type == "output_text"),
        refusal="".join(part.refusal for part in parts if part.type == "refusal"),
        calls=tuple(
            ProposedCall(item.call_id or "", item.name, item.arguments)
            for item in found.output
            if item.type == "function_call"
        ),
        end=_end(found),
        used=found.usage.used if found.usage else Used(),
    )


def _end(found: Whole) -> End:
    if found.status != "incomplete":
        return End.STOP
    return ENDS.get(found.incomplete_details.reason if found.incomplete_details else "", End.LENGTH)
