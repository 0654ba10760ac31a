"""A server's JSON Schema, made into one that this process can hold arguments against without harm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator, SchemaError

from ironclaw.canonical import canonical
from ironclaw.errors import BadRequest
from ironclaw.mcp.texts import plain
from ironclaw.registry.schemas import MAX_SCHEMA_BYTES, validator
from ironclaw.task import Json

MAX_DEPTH = 24  #: Of schemas in schemas, references followed.
MAX_PARTS = 400  #: Schemas in a schema, references followed: each is held against every argument.
#: What the validator would have to fetch, to follow for ever, or to work at for ever.
REFUSED = frozenset(
    {
        "$anchor",
        "$dynamicAnchor",
        "$dynamicRef",
        "$recursiveAnchor",
        "$recursiveRef",
        "patternProperties",
        "unevaluatedItems",
        "unevaluatedProperties",
    }
)
#: What says nothing about arguments, and patterns: the server holds its own against them, in its own time.
DROPPED = frozenset({"$comment", "$defs", "$id", "$schema", "definitions", "examples", "pattern", "title"})
#: Formats that mean something to IronClaw: only its own toolboxes use them.
OURS = frozenset({"scratch-path", "content-url"})
_BY_NAME = frozenset({"properties", "dependentSchemas"})
_LISTS = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_ONE = frozenset({"additionalProperties", "contains", "else", "if", "items", "not", "propertyNames", "then"})


def usable(theirs: Mapping[str, Any]) -> dict[str, Json]:
    """The schema without references, patterns and what is not about arguments.

    Arguments that it does not name are refused, where it does not say that it takes others.

    :raises BadRequest: it cannot be used; says why
    """
    if len(canonical(theirs)) > MAX_SCHEMA_BYTES:
        raise BadRequest(f"its schema is longer than {MAX_SCHEMA_BYTES} bytes")
    schema = _Reader(theirs).read(theirs, 0, frozenset())
    if not isinstance(schema, dict) or schema.get("type") != "object":
        raise BadRequest('its schema does not say type = "object"')
    schema.setdefault("properties", {})
    schema.setdefault("additionalProperties", False)
    _check(schema)
    return schema


def _check(schema: dict[str, Json]) -> None:
    try:
        Draft202012Validator.check_schema(schema)
    except (SchemaError, RecursionError):
        raise BadRequest("its schema is no JSON Schema") from None
    if len(canonical(schema)) > MAX_SCHEMA_BYTES:
        raise BadRequest(f"its schema is longer than {MAX_SCHEMA_BYTES} bytes, references followed")
    for name, each in schema["properties"].items():
        if not isinstance(each, dict):
            raise BadRequest(f"its argument {plain(name, 64)} has no schema")
        if "default" in each and not validator(each).is_valid(each["default"]):
            raise BadRequest(f"the default of its argument {plain(name, 64)} does not fit its own schema")


class _Reader:
    """Copies a schema and puts what it refers to in the place of the reference."""

    def __init__(self, whole: Mapping[str, Any]) -> None:
        self._whole = whole
        self._parts = 0

    def read(self, part: Any, depth: int, within: frozenset[str]) -> Json:
        """
        :param within: the references that this part stands in
        :raises BadRequest: it cannot be used
        """
        self._parts += 1
        if depth > MAX_DEPTH or self._parts > MAX_PARTS:
            raise BadRequest("its schema is too deep or too large")
        if not isinstance(part, dict):
            return part
        if refused := sorted(REFUSED & part.keys()):
            raise BadRequest(f"its schema uses {refused[0]}")
        if part.get("format") in OURS:
            raise BadRequest(f"its schema uses the format {part['format']}, which is for our own tools")
        found = {key: self._value(key, part[key], depth, within) for key in part if key not in DROPPED}
        return {**self._meant(found.pop("$ref"), depth, within), **found} if "$ref" in found else found

    def _value(self, key: str, value: Any, depth: int, within: frozenset[str]) -> Json:
        if key in _BY_NAME and isinstance(value, dict):
            return {name: self.read(each, depth + 1, within) for name, each in value.items()}
        if key in _LISTS and isinstance(value, list):
            return [self.read(each, depth + 1, within) for each in value]
        if key == "description" and isinstance(value, str):
            return plain(value)
        return self.read(value, depth + 1, within) if key in _ONE else value

    def _meant(self, reference: Any, depth: int, within: frozenset[str]) -> dict[str, Json]:
        """What stands at a place of the schema itself."""
        if not isinstance(reference, str) or not reference.startswith("#/"):
            raise BadRequest("its schema refers to another document, or to all of itself")
        if reference in within:
            raise BadRequest("its schema refers to itself")
        place: Any = self._whole
        for step in reference[2:].split("/"):
            name = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(place, dict) or name not in place:
                raise BadRequest("its schema refers to what is not there")
            place = place[name]
        found = self.read(place, depth + 1, within | {reference})
        if not isinstance(found, dict):
            raise BadRequest("its schema refers to what is no schema")
        return found
