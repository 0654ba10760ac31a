"""The words of JSON Schema that a server's schema may use here, and what may stand at each.

Any other word is left out of the schema: it says nothing about arguments, or what the server itself holds
arguments against, in its own time.  So are patterns.
"""

from __future__ import annotations

from collections.abc import Callable

from ironclaw.registry.model import CONTENT_URL, SCRATCH_PATH
from ironclaw.task import Json

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
#: Formats that mean something to IronClaw: only its own toolboxes use them.
OURS = frozenset({SCRATCH_PATH, CONTENT_URL})
#: At which schemas stand: by name, in a list, or one.
BY_NAME = frozenset({"properties", "dependentSchemas"})
LISTS = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
ONE = frozenset({"additionalProperties", "contains", "else", "if", "items", "not", "propertyNames", "then"})
_TYPES = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})


def _is_text(value: Json) -> bool:
    return isinstance(value, str)


def _is_flag(value: Json) -> bool:
    return isinstance(value, bool)


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Json) -> bool:
    return _is_number(value) and value >= 0 and value == int(value)


def _is_plain(value: Json) -> bool:
    """Comparing it takes one step."""
    return not isinstance(value, list | dict)


def _is_choice(value: Json) -> bool:
    return isinstance(value, list) and all(_is_plain(each) for each in value)


def _are_names(value: Json) -> bool:
    return isinstance(value, list) and all(map(_is_text, value)) and len(set(value)) == len(value)


def _are_types(value: Json) -> bool:
    types = value if isinstance(value, list) else [value]
    return _are_names(types) and bool(types) and _TYPES.issuperset(types)


def _are_names_by_name(value: Json) -> bool:
    return isinstance(value, dict) and all(map(_are_names, value.values()))


#: At which no schema stands, and whether something may.
LEAVES: dict[str, Callable[[Json], bool]] = {
    "const": _is_plain,
    "default": lambda value: True,
    "dependentRequired": _are_names_by_name,
    "description": _is_text,
    "enum": _is_choice,
    "format": _is_text,
    "multipleOf": lambda value: _is_number(value) and value > 0,
    "required": _are_names,
    "type": _are_types,
    "uniqueItems": _is_flag,
    **dict.fromkeys(("exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum"), _is_number),
    **dict.fromkeys(("maxContains", "maxItems", "maxLength", "maxProperties"), _is_count),
    **dict.fromkeys(("minContains", "minItems", "minLength", "minProperties"), _is_count),
}
