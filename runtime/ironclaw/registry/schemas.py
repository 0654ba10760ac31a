"""JSON schemas of arguments: which ones a tool may have, and a validator that stays in this process."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator, SchemaError
from jsonschema.protocols import Validator
from referencing import Registry

from ironclaw.canonical import canonical
from ironclaw.errors import BadRequest
from ironclaw.registry.bounding import Bounded
from ironclaw.registry.model import CONTENT_URL, SCRATCH_PATH

MAX_SCHEMA_BYTES = 32 * 1024
#: Patterns would let a toolbox hang the host; references could make it fetch or recurse for ever.
REFUSED_KEYS = frozenset(
    {"pattern", "patternProperties", "$ref", "$dynamicRef", "$id", "$anchor", "$dynamicAnchor", "$schema"}
)


def validator(schema: Mapping[str, Any]) -> Validator:
    """A validator that knows no other document, and so never fetches one."""
    return Bounded(schema, registry=Registry())


def schema_fault(schema: dict[str, Any]) -> str | None:
    """Why a schema cannot be that of a tool's arguments; None where it can."""
    try:
        text = canonical(schema)
        if len(text) > MAX_SCHEMA_BYTES:
            return f"it is longer than {MAX_SCHEMA_BYTES} bytes"
        _require_schema(text)
    except (BadRequest, SchemaError, RecursionError) as error:
        return f"it is no JSON Schema: {str(getattr(error, 'message', error))[:200]}"
    if refused := sorted(key for part in _parts(schema) for key in REFUSED_KEYS & part.keys()):
        return f"{refused[0]} is not for arguments; check it in the tool"
    if fault := _format_fault(schema):
        return fault
    if schema.get("type") != "object" or schema.get("additionalProperties") is not False:
        return 'it must say type = "object" and additionalProperties = false'
    return _properties_fault(schema.get("properties", {}), schema.get("required", []))


@functools.lru_cache(maxsize=512)
def _require_schema(text: bytes) -> None:
    """Held against the metaschema once: that takes 4 ms a tool, and each reload reads all of them again.

    :param text: canonical JSON
    :raises SchemaError: it is none
    """
    Draft202012Validator.check_schema(json.loads(text))


def _format_fault(schema: dict[str, Any]) -> str | None:
    """An argument may name a file, whose content is bound to an approval; what an address gives cannot be."""
    if any(part.get("format") == CONTENT_URL for part in _parts(schema)):
        return (
            "what an address gives can change after people said yes and cannot be bound to their approval: "
            f"take the content itself, or a file (format = {SCRATCH_PATH!r})"
        )
    named = [part for part in _parts(schema) if part.get("format") == SCRATCH_PATH]
    top = [each for each in schema.get("properties", {}).values() if each in named]
    is_plain = len(named) == len(top) and all(each.get("type") == "string" for each in top)
    return None if is_plain else f"format {SCRATCH_PATH!r} is for strings at the top only"


def _parts(schema: Any) -> Iterator[dict[str, Any]]:
    """Every schema within a schema; the names of properties are no keywords."""
    if isinstance(schema, list):
        for each in schema:
            yield from _parts(each)
    if isinstance(schema, dict):
        yield schema
        for key, value in schema.items():
            if key not in ("default", "enum", "const", "examples"):
                yield from _parts(
                    list(value.values()) if key in _BY_NAME and isinstance(value, dict) else value
                )


_BY_NAME = frozenset({"properties", "$defs", "definitions", "dependentSchemas", "dependentRequired"})


def _properties_fault(properties: dict[str, Any], required: list[str]) -> str | None:
    for name, schema in properties.items():
        if not isinstance(schema, dict) or not str(schema.get("description", "")).strip():
            return f"the argument {name} needs a description"
        if "default" in schema and not validator(schema).is_valid(schema["default"]):
            return f"the default of {name} does not fit its own schema"
    missing = [name for name in required if name not in properties]
    return f"{missing[0]} is required but not described" if missing else None
