"""docs/tools.md says what is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from ironclaw.egress.headers import REQUEST
from ironclaw.registry import Registry
from ironclaw.registry.manifest import HttpTable, LimitsTable, Manifest, ToolTable

PAGE = (Path(__file__).parents[2] / "docs" / "tools.md").read_text("utf-8")


@pytest.mark.parametrize("table", [Manifest, ToolTable, LimitsTable, HttpTable])
def test_keys(table: type[BaseModel]) -> None:
    """
    Every key of the manifest is explained.
    """
    keys = [info.alias or name for name, info in table.model_fields.items()]

    assert [key for key in keys if f"`{key}`" not in PAGE] == []


def test_headers() -> None:
    """
    Every header that a tool can set is named.
    """
    assert [name for name in REQUEST if not re.search(rf"\b{name}\b", PAGE)] == []


@pytest.mark.sandbox
def test_standard_tools(built_toolboxes: Path) -> None:
    """
    The table of standard tools is the manifest's, risk and effect included.
    """
    rows = re.findall(r"^\| `(\w+\.\w+)` \|.*\| (\w+) \| (\w+) \|$", PAGE, re.MULTILINE)
    tools = Registry.load([built_toolboxes / "standard"]).tools

    assert sorted(rows) == [(tool.name, tool.risk.value, tool.effect.value) for tool in tools]
