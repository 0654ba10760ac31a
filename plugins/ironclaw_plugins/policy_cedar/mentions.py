"""What a policy names that may not be there: a misspelt tool or group is valid Cedar, and matches nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

GROUP = "group:"


def tools_in(value: Any) -> Iterator[str]:
    """The tools in a policy as JSON: ``Tool::"NAME"`` anywhere, and what ``context.tool`` has to be."""
    for each in _inside(value):
        if each.get("type") == "Tool" and isinstance(each.get("id"), str):
            yield each["id"]
        elif "==" in each and _is_tool(each["=="]):
            yield from _texts(each["=="])


def groups_in(value: Any) -> Iterator[str]:
    """The groups that a policy speaks of as a role, ``"group:NAME"``."""
    texts = (text for text in _texts(value) if text.startswith(GROUP))
    return (text.removeprefix(GROUP) for text in texts)


def _is_tool(sides: Any) -> bool:
    attribute = {".": {"left": {"Var": "context"}, "attr": "tool"}}
    return attribute in (sides.get("left"), sides.get("right"))


def _inside(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in it."""
    if isinstance(value, dict):
        yield value
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for child in children:
        yield from _inside(child)


def _texts(value: Any) -> Iterator[str]:
    """Every text that stands as a value."""
    return (each["Value"] for each in _inside(value) if isinstance(each.get("Value"), str))
