"""What is wrong with a setting, in a sentence: its name as it was written, its value, what it must be."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any

from ironclaw.errors import SettingsError

Shape = dict[str, Any]  #: A JSON schema.

KINDS = {
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "string": "text",
    "array": "a list",
    "object": "a table",
}
A_TENANT = "a tenant's id has letters, digits, _ and - only, at most 64."
#: Of tables by name, what a name must be.
KEYS = {"mcp_servers": "names here have letters, digits and _ only; a server's small ones, at most 32."}
#: A token in the wrong place is still a token.
SECRET = re.compile(r"^(xox|xapp|sk-|eyJ)|^.{41,}", re.DOTALL)


def wrong(problems: list[Any], schema: Shape, sources: Mapping[str, str]) -> SettingsError:
    """One line for each problem that pydantic found.

    :param schema: JSON schema of all settings
    :param sources: by field, the variable that set it; what is missing came from ironclaw.toml
    """
    return SettingsError("\n".join(_explained(problem, schema, sources) for problem in problems))


def _explained(problem: Any, schema: Shape, sources: Mapping[str, str]) -> str:
    loc = problem["loc"]
    name = _name(loc, sources)
    if problem["type"] == "extra_forbidden":
        return f"{name}: there is no such setting. {_meant(loc, schema, sources)}"
    if loc[-1] == "[key]":
        return f"{name}: {KEYS.get(str(loc[0]), A_TENANT)}"
    if problem["type"] == "value_error":
        return f"{name}: {problem['ctx']['error']}"
    shape = _shape(schema, loc)
    if problem["type"] == "missing":
        return f"{name} is missing; it must be {_wanted(shape)}."
    return f"{name} {_held(problem['input'], shape)}; it must be {_wanted(shape)}."


def _name(loc: tuple[Any, ...], sources: Mapping[str, str]) -> str:
    rest = [str(part) for part in loc[1:] if part != "[key]"]
    if loc[0] in sources:
        return ".".join([sources[loc[0]], *rest])
    return f"{'.'.join([str(loc[0]), *rest])} in ironclaw.toml"


def _meant(loc: tuple[Any, ...], schema: Shape, sources: Mapping[str, str]) -> str:
    word = str(loc[-1]).lower().removeprefix("ironclaw_")
    known = _shape(schema, loc[:-1]).get("properties", {})
    if len(loc) > 1 and word in schema["properties"] and word not in known:
        return "It is for all: write it above the first [table]."
    if len(loc) == 1 and word in _shape(schema, ("tenants", ""))["properties"] and word not in known:
        return "It is a tenant's: write it into a table [tenants.NAME] of ironclaw.toml."
    near = difflib.get_close_matches(word, known, n=1)
    if not near:
        return "Remove it; .env.example lists every setting."
    return f"Did you mean {f'IRONCLAW_{near[0].upper()}' if loc[0] in sources else near[0]}?"


def _shape(schema: Shape, loc: tuple[Any, ...]) -> Shape:
    """The part of the schema that says what may stand at this place."""
    found = schema
    for part in loc:
        inner = found.get("properties", {}).get(part) or found.get("items")
        found = _resolved(schema, inner or _of_any_name(found))
    return found


def _of_any_name(table: Shape) -> Shape:
    """What stands in a table whose names people choose."""
    others = table.get("additionalProperties")
    return next(iter(table.get("patternProperties", {}).values()), others if isinstance(others, dict) else {})


def _resolved(schema: Shape, shape: Shape) -> Shape:
    if "$ref" in shape:
        found: Shape = schema["$defs"][shape["$ref"].rpartition("/")[2]]
        return found
    choices = [each for each in shape.get("anyOf", []) if each.get("type") != "null"]
    return _resolved(schema, choices[0]) if choices else shape


def _held(value: Any, shape: Shape) -> str:
    is_plain = isinstance(value, str | int | float)
    if not is_plain or shape.get("writeOnly") or SECRET.search(str(value)):
        return "does not fit"
    return f"is {value!r}"


def _wanted(shape: Shape) -> str:
    if "enum" in shape:
        return "one of " + ", ".join(map(str, shape["enum"]))
    return KINDS.get(shape.get("type", ""), "something else") + _limits(shape)


def _limits(shape: Shape) -> str:
    above, low, high = (shape.get(key) for key in ("exclusiveMinimum", "minimum", "maximum"))
    if above is not None:
        return f" above {above:.12g}" + (f", at most {high:.12g}" if high is not None else "")
    if low is not None:
        return f" from {low:.12g} to {high:.12g}" if high is not None else f", at least {low:.12g}"
    return f", at most {high:.12g}" if high is not None else ""
