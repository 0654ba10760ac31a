"""Toolboxes that tests build: kept from one run to the next, and built again only when a source changed."""

from __future__ import annotations

import importlib.util
import io
import os
import shutil
from pathlib import Path

import pytest

from ironclaw_bot.build import build_folder
from ironclaw_bot.progress import Progress

NO_NODE, NO_ZIG = REASONS = ("node with npm is not installed", "ziglang is not installed")
KEPT = Path(__file__).parents[2] / ".ironclaw" / "tests" / "guests"


def kept(folder: Path, name: str) -> Path:
    """The built toolbox of a source folder."""
    return build_folder(folder, Progress(io.StringIO()), KEPT / name / "built")


def missing(language: str) -> str:
    """What this machine lacks to build toolboxes of a language; "" for nothing."""
    if language in ("js", "ts"):
        # A variable, so that the message about it can be tested where node is there.
        there = shutil.which(os.environ.get("IRONCLAW_TEST_NODE", "node")) and shutil.which("npm")
        return "" if there else NO_NODE
    if language in ("c", "zig") and importlib.util.find_spec("ziglang") is None:
        return NO_ZIG
    return ""


def need(language: str) -> None:
    """Skip the test where a language's builder is missing."""
    if reason := missing(language):
        pytest.skip(reason)
