"""What is wrong with a Chat Completions request: what strict servers refuse, and what we never send."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
KEYS = {"model", "messages", "tools", "store", "safety_identifier"}


def lint(body: Any, secrets: Sequence[str] = ()) -> list[str]:
    """Every complaint about one request, empty when it is well-formed.

    :param secrets: texts that may stand nowhere in it
    """
    if not isinstance(body, dict) or not isinstance(body.get("messages"), list):
        return ["the body is no object with messages"]
    said = json.dumps(body, ensure_ascii=False)
    return [
        *(f"unknown key {key}" for key in body.keys() - KEYS),
        *(["no model"] if not body.get("model") else []),
        *(["store is on"] if body.get("store") else []),
        *("a secret is in the text" for secret in secrets if secret in said),
        *_roles(body["messages"]),
        *_pairs(body["messages"]),
        *_envelopes(body["messages"]),
        *_functions(body.get("tools", [])),
    ]


def _roles(messages: list[dict[str, Any]]) -> Iterator[str]:
    roles = [message.get("role") for message in messages]
    if roles[:1] != ["system"] or "system" in roles[1:]:
        yield "exactly the first message must be the system's"
    if "user" not in roles:
        yield "no user message"
    if roles and roles[-1] not in ("user", "tool"):
        yield "the last message is neither a user's nor a tool's"


def _pairs(messages: list[dict[str, Any]]) -> Iterator[str]:
    """Each call answered exactly once, right after its turn, under an id that nothing else has."""
    open_calls: list[str] = []
    seen: set[str] = set()
    for message in messages:
        if message["role"] == "tool":
            if message.get("tool_call_id") not in open_calls:
                yield f"a result answers {message.get('tool_call_id')!r}, which is no open call"
                continue
            open_calls.remove(message["tool_call_id"])
            continue
        yield from (f"call {call} was not answered" for call in open_calls)
        open_calls = [call["id"] for call in message.get("tool_calls") or ()]
        yield from (f"call id {call} comes twice" for call in open_calls if call in seen)
        yield from ("calls of one turn share an id" for _ in range(len(open_calls) - len(set(open_calls))))
        seen |= set(open_calls)
    yield from (f"call {call} was not answered" for call in open_calls)


def _envelopes(messages: list[dict[str, Any]]) -> Iterator[str]:
    """Each result is one JSON object that says where it comes from, and nothing beside it."""
    for message in messages:
        if message["role"] == "tool":
            try:
                found = json.loads(message["content"])
            except (TypeError, ValueError):
                found = None
            if not isinstance(found, dict) or {"source", "untrusted"} != found.keys():
                yield "a result stands outside its envelope"


def _functions(tools: Any) -> Iterator[str]:
    names = [tool.get("function", {}).get("name") for tool in tools]
    yield from (f"function name {name!r} is not allowed" for name in names if not NAME.fullmatch(name or ""))
    yield from (f"function {name} is offered twice" for name in set(names) if names.count(name) > 1)
    for tool in tools:
        function = tool.get("function", {})
        yield from (f"{function.get('name')}: {problem}" for problem in _schema(function.get("parameters")))
        if tool.get("type") != "function" or not function.get("description"):
            yield f"{function.get('name')}: no type function, or no description"


def _schema(schema: Any) -> Iterator[str]:
    """Strict enough: an object, closed, each property with a type or an enum, each required one known."""
    if not isinstance(schema, dict) or schema.get("type") != "object":
        yield "parameters are no object schema"
        return
    if schema.get("additionalProperties") is not False:
        yield "additionalProperties is not false"
    properties = schema.get("properties", {})
    yield from (
        f"{name} has no type" for name, each in properties.items() if not {"type", "enum"} & each.keys()
    )
    yield from (
        f"{name} is required and unknown" for name in set(schema.get("required", ())) - properties.keys()
    )
