"""Python toolboxes, by componentize-py."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ironclaw.errors import ToolboxError
from ironclaw_bot.guests import children
from ironclaw_bot.guests.described import Descriptions
from ironclaw_bot.guests.source import Source
from ironclaw_bot.hints import pip
from ironclaw_bot.progress import Progress

COMPONENTIZE_PY = "0.25.1"  #: Exactly: another version makes another component.
WANTED = f"componentize-py=={COMPONENTIZE_PY}"
WORLD = "toolbox"
#: The SDK's module that imports the author's app and holds the world's export.
ENTRY = "ironclaw_entry"
#: Its console script as a module call, so that the environment's own one is used whatever PATH says.
RUN_COMPONENTIZE = "import sys; from componentize_py import script; sys.exit(script())"


def need(source: Source) -> None:
    """:raises ToolboxError: says what to install"""
    try:
        found = importlib.metadata.version("componentize-py")
    except importlib.metadata.PackageNotFoundError:
        raise ToolboxError(
            f"componentize-py is not installed; it builds Python toolboxes: {pip(WANTED)}"
        ) from None
    if found != COMPONENTIZE_PY:
        raise ToolboxError(f"componentize-py is {found}, but {COMPONENTIZE_PY} is needed: {pip(WANTED)}")


def describe(source: Source, work: Path) -> Descriptions:
    """What the signatures and docstrings say; the author's module is imported in another process.

    Without site-packages: what is installed beside us is missing here as it will be in the component.

    :raises ToolboxError: it cannot be imported
    """
    script = source.sdk / "ironclaw_schema.py"
    words = [sys.executable, "-ISB", str(script), str(source.folder), str(source.sdk)]
    found: Descriptions = json.loads(children.answer(words, source.folder))
    return found


def make(source: Source, manifest: Mapping[str, Any], output: Path, progress: Progress) -> None:
    """Write the component; componentize-py's own words are shown only when it fails."""
    environment = _environment(output.parent)
    children.run(
        [sys.executable, "-c", RUN_COMPONENTIZE, *_arguments(source, manifest, output)],
        what="componentize-py", name=source.name, folder=source.folder, log=output.with_suffix(".log"),
        progress=progress, environment=environment,
    )  # fmt: skip
    shutil.rmtree(environment["VIRTUAL_ENV"])


def _arguments(source: Source, manifest: Mapping[str, Any], output: Path) -> list[str]:
    stub = ["--stub-wasi"] if manifest["profile"] == "pure" else []
    paths = ["-p", str(source.folder), "-p", str(source.sdk)]
    wit = str(source.tools / "wit")
    return ["-d", wit, "-w", WORLD, "componentize", ENTRY, *paths, *stub, "-o", str(output)]


def _environment(work: Path) -> dict[str, str]:
    """An environment in which componentize-py finds no site-packages but an empty one.

    Otherwise whatever is installed beside us could be baked into a tool.
    """
    empty = work / "venv"
    (empty / "lib" / "site-packages").mkdir(parents=True)
    return {**os.environ, "VIRTUAL_ENV": str(empty), "PYTHONDONTWRITEBYTECODE": "1"}
