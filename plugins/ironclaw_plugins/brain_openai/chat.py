"""Chat Completions: what every server speaks."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from ironclaw.task import Message, ProposedCall, Role
from ironclaw_plugins.brain_openai.faults import UNREADABLE, Unreadable
from ironclaw_plugins.brain_openai.functions import Function
from ironclaw_plugins.brain_openai.profiles import Profile
from ironclaw_plugins.brain_openai.wire import Ask, End, Few, Reply, Used

ENDS = {"length": End.LENGTH, "content_filter": End.FILTER}


def body(ask: Ask, profile: Profile) -> dict[str, Any]:
    """The request, with what this kind of server knows and nothing else."""
    sent: dict[str, Any] = {"model": ask.model, "messages": messages(ask)}
    if ask.functions:
        sent["tools"] = [_function(each) for each in ask.functions]
    if ask.functions and profile.parallel is not None:
        sent["parallel_tool_calls"] = profile.parallel
    if ask.insists and profile.tool_choice:
        sent["tool_choice"] = "required"
    return sent | _limits(ask, profile) | _stream(ask, profile) | _private(ask, profile)


def messages(ask: Ask) -> list[dict[str, Any]]:
    return [{"role": "system", "content": ask.prompt}, *(_message(each) for each in ask.messages)]


def _message(message: Message) -> dict[str, Any]:
    if message.role is Role.TOOL:
        return {"role": "tool", "tool_call_id": message.call_id, "content": message.text}
    if not message.calls:
        return {"role": message.role.value, "content": message.text}
    calls = [_call(call) for call in message.calls]
    return {"role": "assistant", "content": message.text or None, "tool_calls": calls}


def _call(call: ProposedCall) -> dict[str, Any]:
    spoken = {"name": call.tool, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": spoken}


def _function(function: Function) -> dict[str, Any]:
    told = {
        "name": function.name,
        "description": function.description,
        "parameters": dict(function.parameters),
    }
    return {"type": "function", "function": told | ({"strict": True} if function.is_strict else {})}


def _limits(ask: Ask, profile: Profile) -> dict[str, Any]:
    wanted = {"temperature": ask.temperature, profile.output_key: ask.max_output_tokens}
    found: dict[str, Any] = {key: value for key, value in wanted.items() if value is not None}
    if profile.takes_num_ctx and ask.num_ctx:
        found["options"] = {"num_ctx": ask.num_ctx}
    return found


def _stream(ask: Ask, profile: Profile) -> dict[str, Any]:
    if not ask.streams(profile):
        return {}
    counted = {"stream_options": {"include_usage": True}} if profile.counts_streams else {}
    return {"stream": True, **counted}


def _private(ask: Ask, profile: Profile) -> dict[str, Any]:
    """Keep nothing; a stable id for a person without naming them."""
    return {"store": False, "safety_identifier": ask.who} if profile.knows_store else {}


class _Function(BaseModel):
    name: str
    arguments: str | dict[str, Any] | None = None  #: Some servers send the object itself.


class _Call(BaseModel):
    id: str | None = None
    function: _Function


class _Said(BaseModel):
    content: str | None = None
    refusal: str | None = None
    tool_calls: Few[_Call] | None = None


class _Choice(BaseModel):
    message: _Said
    finish_reason: str | None = None


class _Cached(BaseModel):
    cached_tokens: int | None = Field(None, ge=0)


class Counted(BaseModel):
    """The usage of Chat Completions."""

    prompt_tokens: int | None = Field(None, ge=0)
    completion_tokens: int | None = Field(None, ge=0)
    total_tokens: int | None = Field(None, ge=0)
    prompt_tokens_details: _Cached | None = None

    @property
    def used(self) -> Used:
        """Where a server tells only the sum, all of it counts as out."""
        into = self.prompt_tokens or 0
        cached = self.prompt_tokens_details.cached_tokens if self.prompt_tokens_details else 0
        out = max(self.completion_tokens or 0, (self.total_tokens or 0) - into)
        return Used(into, min(cached or 0, into), out)


class _Whole(BaseModel):
    """What we read of a reply; whatever else stands in it is ignored."""

    choices: Few[_Choice] = Field(min_length=1)
    usage: Counted | None = None


def reply(content: bytes) -> Reply:
    """A reply that came in one piece.

    :raises Unreadable: it is no chat completion
    """
    try:
        found = _Whole.model_validate_json(content)
    except ValidationError:
        raise Unreadable(UNREADABLE) from None
    choice = found.choices[0]
    calls = tuple(
        ProposedCall(call.id or "", call.function.name, written(call.function.arguments))
        for call in choice.message.tool_calls or ()
    )
    return Reply(
        text=choice.message.content or "",
        refusal=choice.message.refusal or "",
        calls=calls,
        end=ENDS.get(choice.finish_reason or "", End.STOP),
        used=found.usage.used if found.usage else Used(),
    )


def written(arguments: str | dict[str, Any] | None) -> str:
    """Arguments as text, however they came."""
    return arguments if isinstance(arguments, str) else json.dumps(arguments or {}, ensure_ascii=False)
