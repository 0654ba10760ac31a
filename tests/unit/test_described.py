"""The built manifest: complete, safe where nothing is said, and TOML that reads back as it was."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironclaw.errors import ToolboxError
from ironclaw_bot.guests.described import as_toml, completed, is_complete

SAID = {"description": "Do it.", "schema": {"type": "object"}}
SCALARS = st.one_of(st.booleans(), st.integers(-(2**53), 2**53), st.text(), st.floats(allow_nan=False))
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10
)


@given(st.dictionaries(st.text(), VALUES))
def test_toml(table: dict[str, Any]) -> None:
    """
    Whatever a manifest holds comes back from its TOML.
    """
    assert table == tomllib.loads(as_toml(table))


def test_null() -> None:
    """
    TOML has no null, which is said and not swallowed.
    """
    with pytest.raises(ToolboxError, match="null"):
        as_toml({"enum": [None]})


def test_source_completes() -> None:
    """
    What toolbox.toml says holds; the source says the rest.
    """
    manifest = {"name": "x", "language": "c", "tools": {"x.y": {"risk": "low", "description": "Mine."}}}

    assert not is_complete(manifest)
    assert {"x.y": {"risk": "low", "description": "Mine.", "schema": {"type": "object"}}} == completed(
        manifest, {"x.y": SAID}, "toolbox.toml"
    )["tools"]
    assert "language" not in completed(manifest, {"x.y": SAID}, "toolbox.toml")


def test_undeclared_tool() -> None:
    """
    A tool that only the source has is granted nothing: the registry's defaults are the safe ones.
    """
    assert {"x.y": SAID} == completed({"name": "x"}, {"x.y": SAID}, "toolbox.toml")["tools"]


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({}, "the source has no tool of this name"),
        ({"x.y": {"fault": "it has no docstring"}}, "no docstring"),
    ],
)
def test_incomplete(found: dict[str, Any], words: str) -> None:
    """
    A tool that nobody describes is an error.
    """
    with pytest.raises(ToolboxError, match=words):
        completed({"tools": {"x.y": {"risk": "low"}}}, found, "toolbox.toml")
