"""Reads the tools of an app from its signatures and docstrings, when it is built; never inside a component.

``python ironclaw_schema.py APP_FOLDER SDK_FOLDER`` prints, for each tool, {"description", "schema"}, or
{"fault"} where the source does not say enough.  Types: str, int, float, bool, list[...], dict[str, ...],
Literal, Optional, unions, TypedDict, Any; Annotated[int, {"minimum": 1}] adds keywords of JSON Schema.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import re
import sys
import traceback
import types
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

SIMPLE = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}
FIELD = re.compile(r"\s*:param\s+(?:[\w\[\], ]+\s)?(\w+):\s*(.*)")
GOOGLE_FIELD = re.compile(r"\s+(\w+)(?:\s*\([^)]*\))?:\s*(.*)")
SECTION = re.compile(r"\s*(?::\w+.*|(Args|Arguments|Returns|Raises|Yields|Examples?):\s*)$")


class Fault(Exception):
    """A tool does not say enough of itself; the message says what is missing."""


def described(function: Callable[..., Any]) -> dict[str, Any]:
    """The description and the arguments' schema of one tool.

    :raises Fault: a type has no schema, or a docstring is missing
    """
    description, about = read_docstring(inspect.getdoc(function) or "")
    if not description:
        raise Fault(
            f"the function {function.__name__} needs a docstring: its first lines tell the model what it does"
        )
    return {"description": description, "schema": arguments_schema(function, about)}


def arguments_schema(function: Callable[..., Any], about: Mapping[str, str]) -> dict[str, Any]:
    """The schema of a function's arguments; those without a default are required."""
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except Exception as error:  # noqa: BLE001 - annotations are the author's code
        raise Fault(f"the types of {function.__name__} cannot be read: {error}") from None
    parameters = inspect.signature(function).parameters.values()
    properties = {each.name: _property(each, hints, about) for each in parameters}
    required = [each.name for each in parameters if each.default is each.empty]
    schema: dict[str, Any] = {"type": "object", "additionalProperties": False}
    return {**schema, **({"required": required} if required else {}), "properties": properties}


def _property(each: inspect.Parameter, hints: Mapping[str, Any], about: Mapping[str, str]) -> dict[str, Any]:
    if each.kind not in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY):
        raise Fault(f"the argument {each} cannot be filled from JSON: give each argument a name")
    if each.name not in hints:
        raise Fault(f"the argument {each.name} needs a type")
    schema = _schema(hints[each.name], each.name)
    described = schema.get("description") or about.get(each.name)
    if not described:
        raise Fault(
            f"the argument {each.name} needs a line in the docstring: `:param {each.name}: what it is`"
        )
    schema["description"] = described
    if each.default is not each.empty and each.default is not None:
        schema["default"] = each.default
    return schema


def _schema(hint: Any, where: str) -> dict[str, Any]:
    """The schema of a type.

    :raises Fault: it has none
    """
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if isinstance(hint, type) and hint in SIMPLE:
        return {"type": SIMPLE[hint]}
    if hint is Any:
        return {}
    if origin is typing.Annotated:
        return _annotated(inner, where)
    if origin is typing.Literal:
        return _literal(inner, where)
    if origin in (typing.Union, types.UnionType):
        return _union(inner, where)
    if hint is list or origin is list:
        return {"type": "array", **({"items": _schema(inner[0], where)} if inner else {})}
    if hint is dict or origin is dict:
        return _mapping(inner, where)
    if typing.is_typeddict(hint):
        return _typed_dict(hint, where)
    raise Fault(
        f"the argument {where} has the type {getattr(hint, '__name__', hint)}, which JSON has not: use str, "
        "int, float, bool, list[...], dict[str, ...], Literal[...], Optional[...] or a TypedDict"
    )


def _annotated(inner: tuple[Any, ...], where: str) -> dict[str, Any]:
    """Annotated[type, {keywords}] or Annotated[type, "description"]."""
    schema = _schema(inner[0], where)
    for extra in inner[1:]:
        if isinstance(extra, str):
            schema["description"] = extra
        elif isinstance(extra, dict):
            schema.update(extra)
    return schema


def _literal(values: tuple[Any, ...], where: str) -> dict[str, Any]:
    if not all(type(value) in (str, int, bool) for value in values):
        raise Fault(f"the argument {where}: Literal may hold strings, whole numbers and booleans")
    return {"enum": list(values)}


def _union(inner: tuple[Any, ...], where: str) -> dict[str, Any]:
    schemas = [_schema(each, where) for each in inner]
    if all(schema.keys() == {"type"} for schema in schemas):
        return {"type": [schema["type"] for schema in schemas]}
    return {"anyOf": schemas}


def _mapping(inner: tuple[Any, ...], where: str) -> dict[str, Any]:
    if inner and inner[0] is not str:
        raise Fault(f"the argument {where}: the keys of a JSON object are strings: dict[str, ...]")
    values = _schema(inner[1], where) if inner else {}
    return {"type": "object", **({"additionalProperties": values} if values else {})}


def _typed_dict(hint: Any, where: str) -> dict[str, Any]:
    fields = typing.get_type_hints(hint, include_extras=True)
    return {
        "type": "object",
        "additionalProperties": False,
        "required": sorted(name for name, each in fields.items() if _is_required(hint, name, each)),
        "properties": {name: _schema(_bare(each), where) for name, each in fields.items()},
    }


def _is_required(whole: Any, name: str, field: Any) -> bool:
    """What the field itself says; __required_keys__ does not see it where annotations are strings."""
    said = typing.get_origin(field)
    return name in whole.__required_keys__ if said is None else said is not typing.NotRequired


def _bare(hint: Any) -> Any:
    """A TypedDict's field without Required or NotRequired."""
    is_marked = typing.get_origin(hint) in (typing.Required, typing.NotRequired)
    return typing.get_args(hint)[0] if is_marked else hint


def read_docstring(text: str) -> tuple[str, dict[str, str]]:
    """The first paragraph in one line, and each argument's text: ``:param x: text``, or under ``Args:``."""
    lines = text.splitlines()
    first: list[str] = []
    for line in lines:
        if not line.strip() or SECTION.match(line):
            break
        first.append(line.strip())
    return " ".join(first), _arguments(lines)


def _arguments(lines: list[str]) -> dict[str, str]:
    about: dict[str, str] = {}
    last, in_args = None, False
    for line in lines:
        section = SECTION.match(line)
        if section and section[1]:
            last, in_args = None, section[1] in ("Args", "Arguments")
        elif found := FIELD.match(line) or (in_args and GOOGLE_FIELD.match(line)):
            last, about[found[1]] = found[1], found[2].strip()
        elif not line.strip() or line.lstrip().startswith(":"):
            last = None
        elif last:
            about[last] = f"{about[last]} {line.strip()}".strip()
    return about


def tools(folder: str, sdk: str) -> dict[str, Any]:
    """What each tool of the app in this folder says of itself."""
    sys.path[:0] = [folder, sdk]
    with contextlib.redirect_stdout(sys.stderr):
        import app  # noqa: F401, PLC0415 - the author's module, found only now
    import ironclaw_guest  # noqa: PLC0415 - as app

    return {name: _said(function) for name, function in ironclaw_guest.registered().items()}


def _said(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        said = described(function)
        json.dumps(said)
    except Fault as fault:
        return {"fault": str(fault)}
    except (TypeError, ValueError):
        return {"fault": f"a default of {function.__name__} is nothing that JSON has"}
    return said


def main(folder: str, sdk: str) -> int:
    """Print them; 1, with one sentence that names the author's own line, when app.py cannot be imported."""
    try:
        found = tools(folder, sdk)
    except BaseException as error:  # noqa: BLE001 - whatever the author's module does when imported
        print(_place(error, Path(folder)), file=sys.stderr)
        return 1
    print(json.dumps(found))
    return 0


def _place(error: BaseException, folder: Path) -> str:
    what = traceback.format_exception_only(error)[-1].strip()
    own = [
        each
        for each in traceback.extract_tb(error.__traceback__)
        if Path(each.filename).is_relative_to(folder)
    ]
    if isinstance(error, SyntaxError) and error.filename:
        return f"{Path(error.filename).name} line {error.lineno}: {what}"
    return f"{Path(own[-1].filename).name} line {own[-1].lineno}: {what}" if own else what


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
