"""docs/tools.md says what is."""

from __future__ import annotations

import importlib
import json
import re
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from ironclaw.egress.headers import REQUEST
from ironclaw.registry import Registry
from ironclaw.registry.manifest import HttpTable, LimitsTable, Manifest, ToolTable
from ironclaw.sandbox import caps
from ironclaw.settings import Settings
from ironclaw_bot.authoring.cases import Answer, Case, Sent, read_cases
from ironclaw_bot.build import _whole_manifest, tools_folder
from ironclaw_bot.guests.languages import source_of

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


def test_a_tool_that_reads_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The tool, the manifest, the case and the settings of the page's section fit one another.
    """
    section = PAGE.split("## A tool that reads files\n")[1].split("\n## ")[0]
    source, manifest, cases, operator = re.findall(r"```(?:python|toml)\n(.*?)```", section, re.DOTALL)
    for name, text in (("app.py", source), ("toolbox.toml", manifest), ("cases.toml", cases)):
        (tmp_path / name).write_text(text)
    (case,) = read_cases(tmp_path)
    for name, text in case.files.items():
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tools_folder() / "sdk" / "python")
    guest = importlib.import_module("ironclaw_guest")
    monkeypatch.setattr(guest, "SCRATCH", str(tmp_path))
    exec(source, {})

    whole = _whole_manifest(source_of(tmp_path, tools_folder()), tmp_path)
    assert ["path"] == list(whole["tools"][case.tool]["schema"]["properties"])
    assert case.output == json.loads(guest.dispatch(case.tool, json.dumps(case.input)))
    assert Settings.model_validate(tomllib.loads(operator)).tenants["local"].self_approval


@pytest.mark.parametrize("table", [Case, Answer, Sent])
def test_keys_of_cases(table: type[BaseModel]) -> None:
    """
    Every key of cases.toml is explained.
    """
    keys = [info.alias or name for name, info in table.model_fields.items()]

    assert [key for key in keys if f"`{key}`" not in PAGE] == []


def test_limits() -> None:
    """
    Every limit of what passes between a tool and its host is in the reference of the interface.
    """
    reference = PAGE.split("## The interface\n")[1].split("\n## ")[0]
    limits = {name: value for name, value in vars(caps).items() if name.startswith("MAX_")}
    limits["MAX_MEMORY_MB"] *= caps.MIB
    said = {
        name: f"{value // caps.MIB} MiB" if value % caps.MIB == 0 else f"{value:,}"
        for name, value in limits.items()
    }

    assert [(name, text) for name, text in said.items() if not re.search(rf"\b{text}\b", reference)] == []


def test_interface() -> None:
    """
    Every function and every failure of the WIT is in the reference.
    """
    wit = (tools_folder() / "wit" / "ironclaw.wit").read_text("utf-8")
    named = re.findall(r"^ *(?:export )?([\w-]+): func", wit, re.MULTILINE)
    failures = re.findall(r"^ *([\w-]+)\(string\)", wit, re.MULTILINE)

    assert len(named) == 5
    assert [name for name in named if f"`{name}(" not in PAGE] == []
    assert [name for name in failures if f"`{name}`" not in PAGE] == []
