"""The compiler of C and Zig toolboxes: makes a core module, and ``wrapping`` a component of it."""

from __future__ import annotations

import importlib.metadata
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ironclaw.errors import ToolboxError
from ironclaw_bot.guests import children
from ironclaw_bot.guests.described import Descriptions
from ironclaw_bot.guests.source import Source
from ironclaw_bot.guests.wrapping import wrapped
from ironclaw_bot.hints import pip
from ironclaw_bot.progress import Progress

ZIGLANG = "0.17.1"  #: Exactly: another version makes another component.
SHOWN = {"c": "C", "zig": "Zig"}


def need(source: Source) -> None:
    """:raises ToolboxError: says what to install"""
    try:
        found = importlib.metadata.version("ziglang")
    except importlib.metadata.PackageNotFoundError:
        found = "not installed"
    if found != ZIGLANG:
        language = SHOWN[source.language]
        raise ToolboxError(
            f"ziglang is {found}; {ZIGLANG} builds {language} toolboxes: {pip(f'ziglang=={ZIGLANG}')}"
        )


def describe(source: Source, work: Path) -> Descriptions:
    """Nothing: C and Zig say their tools' descriptions and schemas in toolbox.toml."""
    return {}


def make(
    source: Source, manifest: Mapping[str, Any], output: Path, progress: Progress, words: Sequence[str]
) -> None:
    """Write the component.

    :param words: what the compiler is told, but for the file that it writes: ``{core}`` in one of them
    :raises ToolboxError: the profile is not pure, or the compiler's last words
    """
    if manifest["profile"] != "pure":
        raise ToolboxError(f"{source.manifest}: only Python tools have files: profile must be pure")
    core = output.with_suffix(".core")
    cache = {**os.environ, "ZIG_LOCAL_CACHE_DIR": str(output.parent.parent / "zig")}
    told = [word.replace("{core}", str(core)) for word in words]
    children.run(
        [sys.executable, "-m", "ziglang", *told],
        what=f"zig {words[0]}", name=source.name, folder=source.folder, log=output.with_suffix(".log"),
        progress=progress, environment=cache,
    )  # fmt: skip
    output.write_bytes(wrapped(core.read_bytes(), source.name))
    core.unlink()
