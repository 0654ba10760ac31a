"""The Python SDK's build side: types and docstrings become descriptions and schemas."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from types import ModuleType
from typing import Annotated, Any, Literal, NotRequired, Optional, TypedDict

import pytest

from ironclaw_bot.build import tools_folder


@pytest.fixture(scope="module")
def reader() -> ModuleType:
    """The SDK's module that the build runs."""
    path = tools_folder() / "sdk" / "python" / "ironclaw_schema.py"
    spec = importlib.util.spec_from_file_location("ironclaw_schema_of_a_test", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Row(TypedDict):
    name: str
    size: NotRequired[int]


ROW = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name"],
    "properties": {"name": {"type": "string"}, "size": {"type": "integer"}},
}


@pytest.mark.parametrize(
    ("hint", "schema"),
    [
        (str, {"type": "string"}),
        (int, {"type": "integer"}),
        (float, {"type": "number"}),
        (bool, {"type": "boolean"}),
        (Any, {}),
        (list, {"type": "array"}),
        (list[int], {"type": "array", "items": {"type": "integer"}}),
        (dict, {"type": "object"}),
        (dict[str, Any], {"type": "object"}),
        (dict[str, float], {"type": "object", "additionalProperties": {"type": "number"}}),
        (Literal["a", 1, True], {"enum": ["a", 1, True]}),
        (Optional[str], {"type": ["string", "null"]}),  # noqa: UP045 - authors write it
        (int | str, {"type": ["integer", "string"]}),
        (list[str] | None, {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]}),
        (Annotated[int, {"minimum": 1}], {"type": "integer", "minimum": 1}),
        (Annotated[str, "a word"], {"type": "string", "description": "a word"}),
        (Row, ROW),
        (list[Row], {"type": "array", "items": ROW}),
    ],
)
def test_types(reader: ModuleType, hint: Any, schema: dict[str, Any]) -> None:
    """
    A type becomes the schema of what JSON has for it.
    """
    assert schema == reader._schema(hint, "x")


def greet(name: str, loudly: bool = False, times: int | None = None) -> str:
    """Greet somebody
    by name.

    More for people who read the source.

    :param name: whom
        to greet
    :param loudly: whether to shout
    :param times: how often
    :return: a greeting
    """
    return name


def test_function(reader: ModuleType) -> None:
    """
    Without a default an argument is required; a default of None means that it may be missing.
    """
    said = reader.described(greet)

    assert "Greet somebody by name." == said["description"]
    assert {
        "type": "object",
        "additionalProperties": False,
        "required": ["name"],
        "properties": {
            "name": {"type": "string", "description": "whom to greet"},
            "loudly": {"type": "boolean", "description": "whether to shout", "default": False},
            "times": {"type": ["integer", "null"], "description": "how often"},
        },
    } == said["schema"]


def test_google_docstring(reader: ModuleType) -> None:
    """
    Arguments may stand under Args: as well.
    """
    text = "Do it.\n\nArgs:\n    a: the first\n        one\n    b (int): the second\nReturns:\n    c: nothing"

    assert ("Do it.", {"a": "the first one", "b": "the second"}) == reader.read_docstring(text)


def no_docstring(a: int) -> None: ...


def no_type(a):  # type: ignore[no-untyped-def]
    """Do it.

    :param a: a thing
    """


def no_line(a: int) -> None:
    """Do it."""


def many(*a: int) -> None:
    """Do it.

    :param a: things
    """


def odd(a: set[int]) -> None:
    """Do it.

    :param a: things
    """


def keys(a: dict[int, str]) -> None:
    """Do it.

    :param a: things
    """


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (no_docstring, "no_docstring needs a docstring"),
        (no_type, "the argument a needs a type"),
        (no_line, "`:param a: what it is`"),
        (many, "give each argument a name"),
        (odd, "the argument a has the type set"),
        (keys, "the keys of a JSON object are strings"),
    ],
)
def test_not_enough(reader: ModuleType, function: Callable[..., Any], words: str) -> None:
    """
    A function that does not say enough is refused with what is missing.
    """
    with pytest.raises(reader.Fault, match=words):
        reader.described(function)
