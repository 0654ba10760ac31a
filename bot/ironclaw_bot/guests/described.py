"""The built toolbox.toml: the author's own, completed with what the source says of its tools."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ironclaw.errors import ToolboxError

#: By tool: {"description", "schema"}, or {"fault": sentence} where the source does not say enough.
Descriptions = Mapping[str, Mapping[str, Any]]


def is_complete(manifest: Mapping[str, Any]) -> bool:
    """Whether the author wrote every description and schema by hand."""
    tools = manifest.get("tools", {})
    return bool(tools) and all({"description", "schema"} <= table.keys() for table in tools.values())


def completed(manifest: Mapping[str, Any], found: Descriptions, shown: str) -> dict[str, Any]:
    """The manifest with a whole table for each tool.

    A tool that the source has and toolbox.toml does not gets the safe defaults: high risk, nothing granted.

    :param shown: the file's name for messages
    :raises ToolboxError: a tool of toolbox.toml is not in the source, or is not described
    """
    tables = {name: manifest.get("tools", {}).get(name, {}) for name in [*manifest.get("tools", {}), *found]}
    return {
        **{key: value for key, value in manifest.items() if key not in ("language", "tools")},
        "tools": {name: _whole(name, table, found.get(name), shown) for name, table in tables.items()},
    }


def _whole(name: str, table: Mapping[str, Any], said: Mapping[str, Any] | None, shown: str) -> dict[str, Any]:
    if {"description", "schema"} <= table.keys():
        return dict(table)
    if said is None:
        raise ToolboxError(f"{shown}: {name} has no schema here, and the source has no tool of this name")
    if fault := said.get("fault"):
        raise ToolboxError(f"{name}: {fault}")
    return {"description": said["description"], **table, "schema": table.get("schema", said["schema"])}


def as_toml(table: Mapping[str, Any]) -> str:
    """A manifest as TOML: no null, and every key that is no table before the tables."""
    return "\n".join(_lines(table, ())) + "\n"


def _lines(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    inner = {key: value for key, value in table.items() if isinstance(value, Mapping)}
    if path and (len(inner) < len(table) or not inner):
        yield f"\n[{'.'.join(map(_key, path))}]"
    for key, value in table.items():
        if key not in inner:
            yield f"{_key(key)} = {_value(value)}"
    for key, value in inner.items():
        yield from _lines(value, (*path, key))


def _key(key: str) -> str:
    return key if key.isascii() and key.replace("_", "").replace("-", "").isalnum() else _value(key)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)} = {_value(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if value is None:
        raise ToolboxError("a schema holds null, for which toolbox.toml has no form")
    return repr(value) if isinstance(value, float) else json.dumps(value)
