"""The documents say what the code says."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from ironclaw.hookspecs import Specs
from ironclaw.task import FailureKind

ROOT = Path(__file__).parents[2]


def test_each_hook_is_explained() -> None:
    """
    Every hook, with its arguments, is a heading of docs/plugins.md, and no other is.
    """
    headings = set(re.findall(r"^### (ironclaw_\S.*)$", (ROOT / "docs/plugins.md").read_text(), re.MULTILINE))
    hooks = {
        f"{name}({', '.join(inspect.signature(hook).parameters)})"
        for name, hook in vars(Specs).items()
        if name.startswith("ironclaw_")
    }

    assert hooks == headings


def test_each_failure_is_named() -> None:
    """
    Every way a call can fail is in docs/tools.md.
    """
    text = (ROOT / "docs/tools.md").read_text()

    assert [] == [kind.value for kind in FailureKind if f"`{kind.value}`" not in text]


def test_what_documents_point_at_is_there() -> None:
    """
    A path in a document or in the README exists.
    """
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    named = {
        (page.name, path)
        for page in pages
        for path in re.findall(r"`((?:runtime|bot|plugins|tools|tests|docs)/[\w./*-]*)`", page.read_text())
    }

    assert [] == sorted(each for each in named if not list(ROOT.glob(each[1].rstrip("/"))))
