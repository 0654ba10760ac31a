"""C toolboxes, by zig's C compiler."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ironclaw_bot.guests import zig_compiler
from ironclaw_bot.guests.source import Source
from ironclaw_bot.progress import Progress

FLAGS = ("--target=wasm32-wasi", "-mexec-model=reactor", "-O2", "-Wall", "-s")


def make(source: Source, manifest: Mapping[str, Any], output: Path, progress: Progress) -> None:
    """Write the component."""
    files = [str(file) for _, file in source.files() if file.suffix == ".c"]
    words = ["cc", *FLAGS, f"-I{source.sdk}", "-o", "{core}", *files]
    zig_compiler.make(source, manifest, output, progress, words)
