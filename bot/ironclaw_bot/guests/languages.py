"""The guest languages, and which of them a source folder is written in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ironclaw.errors import ToolboxError
from ironclaw_bot.guests import c, javascript, python, zig, zig_compiler
from ironclaw_bot.guests.described import Descriptions
from ironclaw_bot.guests.source import Source, read_manifest
from ironclaw_bot.progress import Progress


@dataclass(frozen=True, slots=True)
class Language:
    """What builds the toolboxes of one language."""

    entries: tuple[str, ...]  #: The file that a source must have one of.
    suffixes: frozenset[str]
    builder: str  #: Its programs with their versions: part of what makes a toolbox up to date.
    seconds: str  #: How long a build takes, in words.
    need: Callable[[Source], None]  #: Raises ToolboxError that says what to install.
    describe: Callable[[Source, Path], Descriptions]  #: What the source says of its tools.
    make: Callable[[Source, Mapping[str, Any], Path, Progress], None]  #: Writes the component.


LANGUAGES: Mapping[str, Language] = {
    "python": Language(
        ("app.py",), frozenset({".py"}), f"componentize-py {python.COMPONENTIZE_PY}",
        "10 s to a minute", python.need, python.describe, python.make,
    ),
    "js": Language(
        ("app.ts", "app.js"), frozenset({".js", ".mjs", ".ts", ".json"}), "as sdk/js/package-lock.json says",
        "some seconds", javascript.need, javascript.describe, javascript.make,
    ),
    "c": Language(
        ("app.c",), frozenset({".c", ".h"}), f"ziglang {zig_compiler.ZIGLANG}",
        "some seconds, the first time up to a minute", zig_compiler.need, zig_compiler.describe, c.make,
    ),
    "zig": Language(
        ("app.zig",), frozenset({".zig"}), f"ziglang {zig_compiler.ZIGLANG}",
        "some seconds, the first time up to a minute", zig_compiler.need, zig_compiler.describe, zig.make,
    ),
}  # fmt: skip


def source_of(folder: Path, tools: Path, target: Path | None = None) -> Source:
    """The source in a folder.

    :param tools: the folder of ironclaw_tools
    :param target: where it is built to; built/NAME in the folder when not given
    :raises ToolboxError: it holds no toolbox, or one of no language that we know
    """
    manifest = read_manifest(folder)
    chosen, entry = _language(folder, manifest.get("language"))
    language = LANGUAGES[chosen]
    return Source(
        name=manifest["name"],
        folder=folder,
        tools=tools,
        target=target or folder / "built" / manifest["name"],
        language=chosen,
        entry=entry,
        suffixes=language.suffixes,
        builder=language.builder,
    )


def _language(folder: Path, wanted: Any) -> tuple[str, str]:
    """The language that toolbox.toml names, or that of the first file there is; and that file."""
    if wanted is not None and wanted not in LANGUAGES:
        raise ToolboxError(f"{folder}: language must be one of {', '.join(LANGUAGES)}")
    for name, language in LANGUAGES.items():
        for entry in language.entries:
            if wanted in (None, name) and (folder / entry).is_file():
                return name, entry
    entries = [entry for name, each in LANGUAGES.items() if wanted in (None, name) for entry in each.entries]
    raise ToolboxError(f"{folder}: the source is missing: {' or '.join(entries)}")
