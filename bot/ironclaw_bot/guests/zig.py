"""Zig toolboxes: the author's app.zig, which imports the SDK as the module ironclaw."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ironclaw_bot.guests import zig_compiler
from ironclaw_bot.guests.source import Source
from ironclaw_bot.progress import Progress

#: Freestanding: there is no WASI to import.  ReleaseSafe: an index out of bounds ends the call, and is not
#: somebody else's memory.  The stack stands in the first MiB, so that growing past it ends the call too.
FLAGS = (
    "-target", "wasm32-freestanding", "-O", "ReleaseSafe", "-fstrip", "-fno-entry", "-rdynamic",
    "--stack", "1048576",
)  # fmt: skip


def make(source: Source, manifest: Mapping[str, Any], output: Path, progress: Progress) -> None:
    """Write the component."""
    modules = [
        "--dep",
        "ironclaw",
        f"-Mroot={source.folder / source.entry}",
        f"-Mironclaw={source.sdk / 'ironclaw.zig'}",
    ]
    words = ["build-exe", *FLAGS, "-femit-bin={core}", *modules]
    zig_compiler.make(source, manifest, output, progress, words)
