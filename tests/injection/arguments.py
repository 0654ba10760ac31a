"""Schemas of a case file as the registry takes them, and arguments that fit them."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from ironclaw.registry.schemas import REFUSED_KEYS, validator
from tests.injection.script import Args, one_line

_DROPPED = REFUSED_KEYS | {"title", "format"}
Schema = dict[str, Any]


def usable(properties: Mapping[str, Any], required: Iterable[str], scripts: Iterable[Args]) -> Schema:
    """An object's schema, strict, wide enough for every script: true calls are not to fail by a file's slip.

    :param scripts: the arguments of every call of this tool in the file
    """
    found = {name: _described(name, _cleaned(each)) for name, each in properties.items()}
    needed = [name for name in required if name in found]
    for args in scripts:
        for name, value in args.items():
            if name not in found or not validator(found[name]).is_valid(value):
                found[name] = {"description": found.get(name, {}).get("description", one_line(name))}
        needed = [name for name in needed if name in args]
    return {"type": "object", "additionalProperties": False, "properties": found, "required": needed}


def made_up(schema: Schema, words: str) -> dict[str, Any]:
    """Arguments for what must be there, out of an attacker's words."""
    return {name: _value(schema["properties"][name], words) for name in schema["required"]}


def as_url(address: str) -> str:
    """The address with the scheme that a case file leaves out."""
    whole = address if "://" in address else f"https://{address}"
    return whole if whole.count("/") > 2 else f"{whole}/"


def _value(schema: Schema, words: str) -> Any:
    if "enum" in schema:
        return schema["enum"][0]
    some = {"integer": 1, "number": 1, "boolean": True, "object": {}, "null": None}
    kind = schema.get("type", "string")
    if kind == "array":
        return [_value(schema.get("items", {}), words)]
    return some.get(kind, one_line(words, 200))


def _described(name: str, schema: Schema) -> Schema:
    return {**schema, "description": one_line(str(schema.get("description") or name))}


def _cleaned(schema: Any) -> Any:
    """Without what the registry refuses, and without null as a default: a manifest cannot say it."""
    if isinstance(schema, list):
        return [_cleaned(each) for each in schema]
    if not isinstance(schema, dict):
        return copy.copy(schema)
    kept = {name: value for name, value in schema.items() if name not in _DROPPED}
    if "default" in kept and kept["default"] is None:
        del kept["default"]
    return {name: _cleaned(value) for name, value in kept.items()}
