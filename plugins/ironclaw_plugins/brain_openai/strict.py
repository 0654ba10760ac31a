"""A tool's schema in the subset that strict servers keep to: all required, nothing more, null for the absent.

It is made only where nothing is lost: every call that the tool can take can still be written.  What the
subset lacks and only narrows a value, such as a length, is told in words; the registry still holds to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

MAX_DEPTH = 5  #: Levels of nesting, and properties: what the strictest documentation allows.
MAX_PROPERTIES = 100
KEPT = {"type", "description", "enum", "const", "pattern", "minimum", "maximum", "minItems", "maxItems"}
TOLD = ("default", "format", "minLength", "maxLength")  #: Said in words.
DROPPED = {"title", "examples", "uniqueItems"}  #: Said nowhere.
ABOVE = {"properties", "required", "additionalProperties", "items"}


class _Lossy(Exception):
    """The subset cannot say this."""


def strict(schema: Schema) -> dict[str, Any] | None:
    """The schema in the subset; None where something would be lost.

    :param schema: of an object
    """
    try:
        found = _object(schema, 1)
    except _Lossy:
        return None
    return found if _count(found) <= MAX_PROPERTIES else None


def without_nulls(schema: Schema, value: Any) -> Any:
    """A value that was written by :func:`strict`'s schema, without what stands for what is absent.

    :param schema: the tool's own
    """
    if isinstance(value, list):
        return [without_nulls(_mapping(schema.get("items")), each) for each in value]
    if not isinstance(value, dict):
        return value
    needed, properties = set(schema.get("required", ())), schema.get("properties", {})
    return {
        name: without_nulls(_mapping(properties.get(name)), each)
        for name, each in value.items()
        if each is not None or name in needed or name not in properties
    }


def _mapping(schema: Any) -> Schema:
    return schema if isinstance(schema, dict) else {}


def _object(schema: Schema, depth: int) -> dict[str, Any]:
    if depth > MAX_DEPTH or schema.get("additionalProperties") is not False:
        raise _Lossy
    properties, needed = schema.get("properties", {}), set(schema.get("required", ()))
    if needed - properties.keys():
        raise _Lossy
    made = {
        name: _value(each, depth) if name in needed else _nullable(_value(each, depth))
        for name, each in properties.items()
    }
    plain = _plain(schema)
    return {**plain, "properties": made, "required": list(properties), "additionalProperties": False}


def _value(schema: Any, depth: int) -> dict[str, Any]:
    if not isinstance(schema, dict):
        raise _Lossy
    if schema.get("type") == "object":
        return _object(schema, depth + 1)
    if schema.get("type") == "array":
        return {**_plain(schema), "items": _value(schema.get("items"), depth)}
    if ABOVE & schema.keys() or not (isinstance(schema.get("type"), str) or "enum" in schema):
        raise _Lossy
    return _plain(schema)


def _plain(schema: Schema) -> dict[str, Any]:
    """What it says of the value itself."""
    if schema.keys() - KEPT - ABOVE - DROPPED - set(TOLD):
        raise _Lossy
    kept = {key: value for key, value in schema.items() if key in KEPT}
    words = [f"{key}: {schema[key]!r}" for key in TOLD if key in schema]
    told = f"{schema.get('description', '')} ({', '.join(words)})".strip() if words else ""
    return {**kept, "description": told} if told else kept


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    """The same, or null, which must have meant nothing before."""
    kind = schema.get("type")
    if kind == "null" or "const" in schema or None in schema.get("enum", ()):
        raise _Lossy
    if "enum" in schema:
        schema = {**schema, "enum": [*schema["enum"], None]}
    return {**schema, "type": [kind, "null"]} if kind else schema


def _count(schema: Schema) -> int:
    """How many properties there are, at every depth."""
    properties = schema.get("properties", {})
    inner = [*properties.values(), *([schema["items"]] if "items" in schema else [])]
    return len(properties) + sum(_count(each) for each in inner)
