"""A server's JSON Schema, made into one that this process can hold arguments against without harm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ironclaw.canonical import canonical
from ironclaw.errors import BadRequest
from ironclaw.mcp.keywords import BY_NAME, LEAVES, LISTS, ONE, OURS, REFUSED
from ironclaw.mcp.texts import plain
from ironclaw.registry.bounding import TooMuch, bounded
from ironclaw.registry.schemas import MAX_SCHEMA_BYTES, validator
from ironclaw.task import Json

MAX_DEPTH = 24  #: Of schemas in schemas, references followed.
MAX_PARTS = 400  #: Schemas in a schema, references followed: each is held against every argument.
MAX_READ = 2 * MAX_SCHEMA_BYTES  #: Bytes that are read, references followed.
DEFAULT_STEPS = 2_000  #: In which all defaults must be found to fit.
_NAMED = 1  #: The depth of the arguments themselves.


def usable(theirs: object) -> dict[str, Json]:
    """The schema without references, patterns and what is not about arguments.

    Arguments that it does not name are refused, where it does not say that it takes others.

    :raises BadRequest: it cannot be used; says why
    """
    if not isinstance(theirs, Mapping):
        raise BadRequest("it has no schema that could be pinned")
    if len(canonical(theirs)) > MAX_SCHEMA_BYTES:
        raise BadRequest(f"its schema is longer than {MAX_SCHEMA_BYTES} bytes")
    schema = _Reader(theirs).read(theirs, 0, frozenset())
    if not isinstance(schema, dict) or schema.get("type") != "object":
        raise BadRequest('its schema does not say type = "object"')
    schema.setdefault("properties", {})
    schema.setdefault("additionalProperties", False)
    if len(canonical(schema)) > MAX_SCHEMA_BYTES:
        raise BadRequest(f"its schema is longer than {MAX_SCHEMA_BYTES} bytes, references followed")
    try:
        with bounded(DEFAULT_STEPS):
            _check_arguments(schema["properties"])
    except TooMuch:
        raise BadRequest("the defaults of its arguments take too long to be checked") from None
    return schema


def _check_arguments(properties: Mapping[str, Json]) -> None:
    for name, each in properties.items():
        if not isinstance(each, dict):
            raise BadRequest(f"its argument {plain(name, 64)} has no schema")
        if "default" in each and not validator(each).is_valid(each["default"]):
            raise BadRequest(f"the default of its argument {plain(name, 64)} does not fit its own schema")


class _Reader:
    """Copies of a schema what is known and well, and puts what it refers to in the place of the reference."""

    def __init__(self, whole: Mapping[str, Any]) -> None:
        self._whole = whole
        self._parts = self._read = 0

    def read(self, part: object, depth: int, within: frozenset[str]) -> Json:
        """
        :param within: the references that this part stands in
        :raises BadRequest: it cannot be used
        """
        self._parts += 1
        if depth > MAX_DEPTH or self._parts > MAX_PARTS:
            raise BadRequest("its schema is too deep or too large")
        if isinstance(part, bool):
            return part
        if not isinstance(part, dict):
            raise BadRequest("its schema is no JSON Schema: another value stands where a schema must")
        self._count(len(part))
        if refused := sorted(REFUSED & part.keys()):
            raise BadRequest(f"its schema uses {refused[0]}")
        found: dict[str, Json] = {}
        for key, value in part.items():
            if key in LEAVES:
                found[key] = self._leaf(key, value)
            elif key in BY_NAME or key in LISTS or key in ONE:
                found[key] = self._inner(key, value, depth + 1, within)
        if depth != _NAMED:
            # Filled in wherever there is room, it could be a thousand times: the server does so itself.
            found.pop("default", None)
        return {**self._meant(part["$ref"], depth, within), **found} if "$ref" in part else found

    def _count(self, more: int) -> None:
        self._read += more
        if self._read > MAX_READ:
            raise BadRequest("its schema is too deep or too large, references followed")

    def _leaf(self, key: str, value: Json) -> Json:
        self._count(len(canonical(value)))
        if not LEAVES[key](value):
            raise BadRequest(f"its schema is no JSON Schema: a wrong value stands at {key}")
        if key == "format" and value in OURS:
            raise BadRequest(f"its schema uses the format {value}, which is for our own tools")
        return plain(value) if key == "description" else value

    def _inner(self, key: str, value: object, depth: int, within: frozenset[str]) -> Json:
        if key in ONE:
            return self.read(value, depth, within)
        if key in LISTS and isinstance(value, list) and value:
            return [self.read(each, depth, within) for each in value]
        if key in BY_NAME and isinstance(value, dict):
            return {name: self.read(each, depth, within) for name, each in value.items()}
        raise BadRequest(f"its schema is no JSON Schema: a wrong value stands at {key}")

    def _meant(self, reference: object, depth: int, within: frozenset[str]) -> dict[str, Json]:
        """What stands at a place of the schema itself."""
        if not isinstance(reference, str) or not reference.startswith("#/"):
            raise BadRequest("its schema refers to another document, or to all of itself")
        if reference in within:
            raise BadRequest("its schema refers to itself")
        self._count(len(reference))
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
