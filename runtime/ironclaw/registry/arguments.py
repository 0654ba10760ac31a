"""The arguments that a model writes: read strictly, judged by the schema, completed with its defaults."""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass

from jsonschema import ValidationError
from jsonschema.protocols import Validator

from ironclaw.canonical import canonical, parse
from ironclaw.errors import BadRequest
from ironclaw.registry.bounding import TooMuch, bounded
from ironclaw.task import Json

MAX_BYTES = 64 * 1024
MAX_DEPTH = 32
MAX_FAULTS, MAX_FAULTS_SOUGHT = 10, 100
MAX_FAULT_CHARS = 200


def parse_arguments(text: str) -> dict[str, Json]:
    """The JSON object in a text, with one meaning only.

    :raises BadRequest: too long or too deep, no JSON, no object, a key twice, NaN, an infinity, a number
        beyond 2**53, or a lone surrogate
    """
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise BadRequest(f"The arguments are longer than {MAX_BYTES} bytes.")
    value = parse(text, MAX_DEPTH)
    if not isinstance(value, dict):
        raise BadRequest("The arguments must be a JSON object.")
    return value


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one argument."""

    pointer: str  #: RFC 6901, of the argument that is wrong or missing; "" for all of them.
    sentence: str


def faults(validator: Validator, args: Mapping[str, Json]) -> list[Fault]:
    """What is wrong with the arguments, in the order of their names; [] for nothing.

    Where it takes too long to say, that is wrong with them.
    """
    try:
        with bounded():
            errors = list(itertools.islice(validator.iter_errors(args), MAX_FAULTS_SOUGHT))
    except RecursionError:
        return [Fault("", "the arguments are nested too deep")]
    except TooMuch:
        return [Fault("", "the arguments take too long to be checked: give fewer or shorter ones")]
    errors.sort(key=lambda error: [str(part) for part in error.absolute_path])
    return [Fault(_place(error) + _missing(error), _sentence(error)) for error in errors[:MAX_FAULTS]]


def _place(error: ValidationError) -> str:
    return "".join(f"/{_escaped(part)}" for part in error.absolute_path)


def _missing(error: ValidationError) -> str:
    """What is to be added to the place of an object that lacks something."""
    if str(error.validator) != "required":
        return ""
    # The library gives one error for each that is missing, and names it in words alone.
    wanted: Json = error.validator_value
    names = (name for name in wanted if error.message.startswith(f"{name!r} "))
    return next((f"/{_escaped(name)}" for name in names), "")


def _sentence(error: ValidationError) -> str:
    place = _place(error)
    text = f"{place}: {_words(error)}" if place else _words(error)
    return text if len(text) <= MAX_FAULT_CHARS else f"{text[: MAX_FAULT_CHARS - 1]}…"


def _escaped(part: str | int) -> str:
    """RFC 6901."""
    return str(part).replace("~", "~0").replace("/", "~1")


def _words(error: ValidationError) -> str:
    """The library's words, except where they would repeat a long value."""
    keyword, wanted = str(error.validator), error.validator_value
    if keyword == "type":
        return f"must be {' or '.join(wanted) if isinstance(wanted, list) else wanted}"
    if keyword in ("maxLength", "minLength", "maxItems", "minItems", "maximum", "minimum", "maxProperties"):
        return f"{keyword} is {wanted}"
    if keyword == "enum":
        return f"must be one of {json.dumps(wanted, ensure_ascii=False)}"
    return str(error.message)


def with_defaults(schema: Mapping[str, Json], value: Json) -> Json:
    """A copy of the value in which what is missing has its schema's default, at every depth.

    :raises BadRequest: together the defaults are longer than arguments may be: one that stands within an
        array is there once for each of its parts
    """
    return _filled(schema, value, [MAX_BYTES])


def _filled(schema: Mapping[str, Json], value: Json, room: list[int]) -> Json:
    """:param room: bytes that defaults may still take, its only member"""
    if isinstance(value, list):
        return [_filled(_subschema(schema.get("items")), each, room) for each in value]
    if not isinstance(value, dict):
        return value
    properties = schema.get("properties", {})
    missing = {
        name: each["default"]
        for name, each in properties.items()
        if name not in value and "default" in _subschema(each)
    }
    room[0] -= len(canonical(missing)) if missing else 0
    if room[0] < 0:
        raise BadRequest(
            f"With their defaults the arguments are too long: these take over {MAX_BYTES} bytes."
        )
    return {
        name: _filled(_subschema(properties.get(name)), each, room)
        for name, each in {**value, **copy.deepcopy(missing)}.items()
    }


def defaulted(schema: Mapping[str, Json], value: Json, pointer: str = "") -> list[str]:
    """JSON pointers of what :func:`with_defaults` would fill in."""
    if isinstance(value, list):
        return [
            each
            for index, item in enumerate(value)
            for each in defaulted(_subschema(schema.get("items")), item, f"{pointer}/{index}")
        ]
    if not isinstance(value, dict):
        return []
    found = []
    for name, each in schema.get("properties", {}).items():
        here = f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
        if name in value:
            found += defaulted(_subschema(each), value[name], here)
        elif "default" in _subschema(each):
            found.append(here)
    return found


def _subschema(schema: Json) -> Mapping[str, Json]:
    return schema if isinstance(schema, dict) else {}
