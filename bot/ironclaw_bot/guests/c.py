"""C toolboxes: zig's compiler makes a core module, ``wrapping`` a component of it."""

from __future__ import annotations

import importlib.metadata
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ironclaw.errors import ToolboxError
from ironclaw_bot.guests import children
from ironclaw_bot.guests.described import Descriptions
from ironclaw_bot.guests.source import Source
from ironclaw_bot.guests.wrapping import wrapped
from ironclaw_bot.progress import Progress

ZIGLANG = "0.17.1"  #: Exactly: another version makes another component.
FLAGS = ("--target=wasm32-wasi", "-mexec-model=reactor", "-O2", "-Wall", "-s")


def need(source: Source) -> None:
    """:raises ToolboxError: says what to install"""
    try:
        found = importlib.metadata.version("ziglang")
    except importlib.metadata.PackageNotFoundError:
        found = "not installed"
    if found != ZIGLANG:
        raise ToolboxError(
            f"ziglang is {found}; {ZIGLANG} builds C toolboxes: pip install 'ironclaw[guests]'"
        )


def describe(source: Source, work: Path) -> Descriptions:
    """Nothing: C says its tools' descriptions and schemas in toolbox.toml."""
    return {}


def make(source: Source, manifest: Mapping[str, Any], output: Path, progress: Progress) -> None:
    """Write the component."""
    if manifest["profile"] != "pure":
        raise ToolboxError(f"{source.manifest}: only Python tools have files: profile must be pure")
    core = output.with_suffix(".core")
    cache = {**os.environ, "ZIG_LOCAL_CACHE_DIR": str(output.parent.parent / "zig")}
    files = [str(file) for _, file in source.files() if file.suffix == ".c"]
    children.run(
        [sys.executable, "-m", "ziglang", "cc", *FLAGS, f"-I{source.sdk}", "-o", str(core), *files],
        what="zig cc", name=source.name, folder=source.folder, log=output.with_suffix(".log"),
        progress=progress, environment=cache,
    )  # fmt: skip
    output.write_bytes(wrapped(core.read_bytes(), source.name))
    core.unlink()
