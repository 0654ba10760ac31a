"""What a model says, as both APIs write it: in one piece and in events."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Arguments = Mapping[str, Any] | str


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of the model."""

    content: str = ""
    refusal: str | None = None
    calls: tuple[tuple[str, Arguments], ...] = ()
    finish: str = "stop"  #: As Chat Completions says it.
    tokens: int = 10  #: One of them out, the others in.
    cached: int = 0  #: Of those in.


def raw(arguments: Arguments) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments)


def _chat_head(kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": kind, "created": 1_800_000_000, "model": "fake"}


def _chat_usage(turn: Turn) -> dict[str, Any]:
    details = {"prompt_tokens_details": {"cached_tokens": turn.cached}}
    return {
        "prompt_tokens": turn.tokens - 1,
        "completion_tokens": 1,
        "total_tokens": turn.tokens,
        **details,
    }


def chat(turn: Turn) -> dict[str, Any]:
    """Chat Completions, in one piece."""
    calls = [
        {
            "id": f"call_{index}",
            "type": "function",
            "function": {"name": name, "arguments": raw(arguments)},
        }
        for index, (name, arguments) in enumerate(turn.calls)
    ]
    said = {"content": turn.content or (None if calls else ""), "refusal": turn.refusal}
    message = {"role": "assistant", **said, **({"tool_calls": calls} if calls else {})}
    choice = {"index": 0, "message": message, "finish_reason": turn.finish}
    return {**_chat_head("chat.completion"), "choices": [choice], "usage": _chat_usage(turn)}


def chat_events(turn: Turn) -> Iterator[str]:
    """Chat Completions, in chunks: words, then each call's name, then its arguments in two pieces."""
    yield _chunk({"role": "assistant", "content": ""})
    yield from (_chunk({"content": piece}) for piece in pieces(turn.content))
    if turn.refusal:
        yield _chunk({"refusal": turn.refusal})
    for index, (name, arguments) in enumerate(turn.calls):
        head = {"name": name, "arguments": ""}
        call = {"index": index, "id": f"call_{index}", "type": "function", "function": head}
        yield _chunk({"tool_calls": [call]})
        for half in halves(raw(arguments)):
            yield _chunk({"tool_calls": [{"index": index, "function": {"arguments": half}}]})
    yield _chunk({}, turn.finish)
    yield json.dumps({**_chat_head("chat.completion.chunk"), "choices": [], "usage": _chat_usage(turn)})
    yield "[DONE]"


def _chunk(delta: dict[str, Any], finish: str | None = None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return json.dumps({**_chat_head("chat.completion.chunk"), "choices": [choice], "usage": None})


def pieces(text: str) -> list[str]:
    """Words with the space after them."""
    return [word + " " for word in text.split(" ")[:-1]] + text.split(" ")[-1:] if text else []


def halves(text: str) -> tuple[str, str]:
    return text[: len(text) // 2], text[len(text) // 2 :]


def responses(turn: Turn) -> dict[str, Any]:
    """Responses, in one piece; a reasoning item comes first, as from models that reason."""
    why = {"length": "max_output_tokens", "content_filter": "content_filter"}.get(turn.finish)
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1_800_000_000,
        "status": "incomplete" if why else "completed",
        "incomplete_details": {"reason": why} if why else None,
        "error": None,
        "model": "fake",
        "output": [{"type": "reasoning", "id": "rs_1", "summary": []}, *_items(turn)],
        "usage": {
            "input_tokens": turn.tokens - 1,
            "input_tokens_details": {"cached_tokens": turn.cached},
            "output_tokens": 1,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": turn.tokens,
        },
    }


def _items(turn: Turn) -> Iterator[dict[str, Any]]:
    refused = [{"type": "refusal", "refusal": turn.refusal}] if turn.refusal else []
    said = [{"type": "output_text", "text": turn.content, "annotations": []}] if turn.content else []
    if refused or said:
        yield {"type": "message", "id": "msg_1", "role": "assistant", "content": [*said, *refused]}
    for index, (name, arguments) in enumerate(turn.calls):
        call = {"call_id": f"call_{index}", "name": name, "arguments": raw(arguments)}
        yield {"type": "function_call", "id": f"fc_{index}", "status": "completed", **call}


def responses_events(turn: Turn) -> Iterator[str]:
    """Responses, in events."""
    whole = responses(turn)
    started = {**whole, "status": "in_progress", "output": [], "usage": None}
    yield json.dumps({"type": "response.created", "response": started})
    for piece in pieces(turn.content):
        yield json.dumps({"type": "response.output_text.delta", "output_index": 1, "delta": piece})
    for index, item in enumerate(whole["output"]):
        yield json.dumps({"type": "response.output_item.added", "output_index": index, "item": item})
        if item["type"] == "function_call":
            for half in halves(item["arguments"]):
                delta = {"output_index": index, "item_id": item["id"], "delta": half}
                yield json.dumps({"type": "response.function_call_arguments.delta", **delta})
        yield json.dumps({"type": "response.output_item.done", "output_index": index, "item": item})
    yield json.dumps({"type": f"response.{whole['status']}", "response": whole})
