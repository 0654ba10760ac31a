"""What is wrong with a request to a model's server: what strict servers refuse, and what we never send.

Both APIs are read into the same items first; each rule is there once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
COMMON = {"model", "tools", "store", "safety_identifier", "stream", "parallel_tool_calls", "tool_choice"}
CHAT = COMMON | {
    "messages",
    "stream_options",
    "temperature",
    "max_tokens",
    "max_completion_tokens",
    "options",
}
RESPONSES = COMMON | {"instructions", "input", "temperature", "max_output_tokens"}
#: What the strict subset has.
STRICT = {
    "type",
    "description",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "enum",
    "const",
    "pattern",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
}


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the conversation: a text of somebody's, a call, or a result."""

    kind: str  #: "text", "call" or "result".
    role: str = ""
    text: str = ""
    id: str = ""
    name: str = ""


def lint(
    body: Any,
    secrets: Sequence[str] = (),
    marks: Mapping[str, Sequence[str]] | None = None,
    tools: Collection[str] | None = None,
) -> list[str]:
    """Every complaint about one request, empty when it is well-formed.

    :param secrets: texts that may stand nowhere in it
    :param marks: by tenant, texts of which a request may hold one tenant's only
    :param tools: every tool of the registry, where it is known: then nothing else may be offered or called
    """
    if not isinstance(body, dict) or not isinstance(body.get("messages", body.get("input")), list):
        return ["the body is no object with messages"]
    said = json.dumps(body, ensure_ascii=False)
    whose = [tenant for tenant, texts in (marks or {}).items() if any(text in said for text in texts)]
    functions = [_function(tool) for tool in body.get("tools", [])]
    return [
        *_keys(body),
        *("a secret is in the text" for secret in secrets if secret in said),
        *([f"texts of {len(whose)} tenants are in it"] if len(whose) > 1 else []),
        *_turns(body),
        *_pairs(items(body)),
        *_envelopes(items(body)),
        *_functions(functions),
        *_known(functions, items(body), tools),
    ]


def items(body: Mapping[str, Any]) -> list[Item]:
    """The conversation of a request, without its instructions."""
    if "input" in body:
        return [_of_responses(each) for each in body["input"]]
    return [item for message in body["messages"] for item in _of_chat(message)]


def _of_responses(item: Mapping[str, Any]) -> Item:
    if item.get("type") == "function_call":
        return Item("call", id=item["call_id"], name=item["name"])
    if item.get("type") == "function_call_output":
        return Item("result", id=item["call_id"], text=item["output"])
    return Item("text", item.get("role", ""), item.get("content", ""))


def _of_chat(message: Mapping[str, Any]) -> Iterator[Item]:
    role = message.get("role", "")
    if role == "system":
        return
    if role == "tool":
        yield Item("result", id=message.get("tool_call_id", ""), text=message["content"])
        return
    calls = message.get("tool_calls") or ()
    if message.get("content") or not calls:
        yield Item("text", role, message.get("content") or "")
    for call in calls:
        yield Item("call", id=call["id"], name=call.get("function", {}).get("name", ""))


def _keys(body: Mapping[str, Any]) -> Iterator[str]:
    is_chat = "messages" in body
    yield from (f"unknown key {key}" for key in sorted(body.keys() - (CHAT if is_chat else RESPONSES)))
    if not body.get("model"):
        yield "no model"
    if body.get("store") or (not is_chat and body.get("store") is not False):
        yield "store is on"


def _turns(body: Mapping[str, Any]) -> Iterator[str]:
    roles = [message.get("role") for message in body.get("messages", [])]
    if "messages" in body and (roles[:1] != ["system"] or "system" in roles[1:]):
        yield "exactly the first message must be the system's"
    if "input" in body and not body.get("instructions"):
        yield "no instructions"
    spoken = items(body)
    if not any(item.kind == "text" and item.role == "user" for item in spoken):
        yield "no user message"
    if spoken and not (spoken[-1].kind == "result" or spoken[-1].role == "user"):
        yield "the last message is neither a user's nor a tool's"


def _pairs(spoken: Sequence[Item]) -> Iterator[str]:
    """Each call answered exactly once, right after its turn, under an id that nothing else has."""
    open_calls: list[str] = []
    seen: set[str] = set()
    was_call = False
    for item in spoken:
        if item.kind == "result":
            if item.id not in open_calls:
                yield f"a result answers {item.id!r}, which is no open call"
            else:
                open_calls.remove(item.id)
        elif item.kind == "text" or not was_call:
            yield from (f"call {call} was not answered" for call in open_calls)
            open_calls = []
        if item.kind == "call":
            if item.id in seen:
                yield f"call id {item.id} comes twice"
            open_calls.append(item.id)
            seen.add(item.id)
        was_call = item.kind == "call"
    yield from (f"call {call} was not answered" for call in open_calls)


def _envelopes(spoken: Sequence[Item]) -> Iterator[str]:
    """Each result is one JSON object that says where it comes from, and nothing beside it."""
    for item in spoken:
        if item.kind == "result" and _opened(item.text) is None:
            yield "a result stands outside its envelope"


def _opened(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (TypeError, ValueError):
        return None
    return found if isinstance(found, dict) and {"source", "untrusted"} == found.keys() else None


def _function(tool: Mapping[str, Any]) -> dict[str, Any]:
    """A function of either API in the flat form; "is_said": whether strict or not is said, as it must be."""
    nested = tool.get("function")
    flat = dict(nested) if isinstance(nested, dict) else dict(tool)
    flat["is_said"] = nested is not None or isinstance(tool.get("strict"), bool)
    flat["type"] = tool.get("type")
    return flat


def _functions(functions: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    names = [function.get("name") for function in functions]
    yield from (f"function name {name!r} is not allowed" for name in names if not NAME.fullmatch(name or ""))
    yield from (f"function {name} is offered twice" for name in set(names) if names.count(name) > 1)
    for function in functions:
        name, parameters = function.get("name"), function.get("parameters")
        yield from (f"{name}: {problem}" for problem in _schema(parameters, function.get("strict") is True))
        if function["type"] != "function" or not function.get("description"):
            yield f"{name}: no type function, or no description"
        if not function["is_said"]:
            yield f"{name}: strict is not said"


def _schema(schema: Any, is_strict: bool) -> Iterator[str]:
    if not isinstance(schema, dict) or schema.get("type") != "object":
        yield "parameters are no object schema"
        return
    properties = schema.get("properties", {})
    unknown = set(schema.get("required", ())) - properties.keys()
    yield from (f"{name} is required and unknown" for name in sorted(unknown))
    if is_strict:
        yield from _strict(schema)


def _strict(schema: Mapping[str, Any]) -> Iterator[str]:
    """At every depth: closed, all required, and no word that a strict server does not know."""
    yield from (f"{word} is not strict" for word in sorted(schema.keys() - STRICT))
    kinds = schema.get("type", ())
    if "object" in ([kinds] if isinstance(kinds, str) else kinds):
        if schema.get("additionalProperties") is not False:
            yield "additionalProperties is not false"
        if list(schema.get("properties", {})) != list(schema.get("required", ())):
            yield "not all properties are required"
    for each in (*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])):
        if not {"type", "enum"} & each.keys():
            yield "a property has no type"
        yield from _strict(each)


def _known(
    functions: Sequence[Mapping[str, Any]], spoken: Sequence[Item], tools: Collection[str] | None
) -> Iterator[str]:
    if tools is None:
        return
    known = {tool.replace(".", "-") for tool in tools} | {"ask_person"}
    yield from (f"{each['name']} is no tool" for each in functions if each["name"] not in known)
    results = {item.id: item.text for item in spoken if item.kind == "result"}
    for item in spoken:
        if item.kind == "call" and item.name not in known and "unknown_tool" not in results.get(item.id, ""):
            yield f"a call of {item.name}, which is no tool, was not refused as such"
