"""Builds toolboxes from source: ``python -m ironclaw_bot.build [names]``, ``ironclaw tool build``.

A toolbox's source is a folder with ``toolbox.toml`` and ``app.py`` (or another language's file); what is
built goes to one folder: ``component.wasm`` and a ``toolbox.toml`` that is complete and names its digest.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import shutil
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ironclaw.errors import ToolboxError
from ironclaw.registry.manifest import parse_manifest
from ironclaw_bot.guests.described import as_toml, completed, is_complete
from ironclaw_bot.guests.languages import LANGUAGES, source_of
from ironclaw_bot.guests.locks import lock
from ironclaw_bot.guests.source import MANIFEST, Source, read_manifest
from ironclaw_bot.hints import called
from ironclaw_bot.progress import Progress

COMPONENT = "component.wasm"


def tools_folder() -> Path:
    """The folder of the package ironclaw_tools, installed or editable."""
    return Path(str(importlib.resources.files("ironclaw_tools")))


def built_folder() -> Path:
    """Where our own built toolboxes are: one folder each."""
    return tools_folder() / "built"


def build(names: Sequence[str] = ("standard",), progress: Progress | None = None) -> list[Path]:
    """Build each named toolbox of ironclaw_tools that is not up to date.

    :return: the folder of each, in the order of names
    :raises ToolboxError: no such source, nothing to build it with, or the source is wrong
    """
    sources = [_source(name) for name in names]
    for source in sources:
        _build(source, progress)
    return [source.target for source in sources]


def build_folder(folder: Path, progress: Progress | None = None, target: Path | None = None) -> Path:
    """Build the toolbox whose source is in any folder, unless it is up to date.

    :param target: where to; built/NAME in the folder when not given
    :return: the folder of what was built
    :raises ToolboxError: as build
    """
    source = source_of(folder.resolve(), tools_folder(), target)
    _build(source, progress)
    return source.target


def check_current(built: Path) -> None:
    """See that a built folder is what its source would be built to, where the source is around it.

    :raises ToolboxError: the source or its toolbox.toml changed since the build
    """
    built = built.resolve()
    folder = built.parent.parent
    if built.parent.name != "built" or not (folder / MANIFEST).is_file():
        return  # Its source is elsewhere.
    source = source_of(folder, tools_folder())
    if source.target != built or not _is_current(source):
        raise ToolboxError(
            f"{built}: out of date, its source or {MANIFEST} changed since the build: "
            f"{called('tool', 'build', folder)} first"
        )


def _source(name: str) -> Source:
    tools = tools_folder()
    if not name.isidentifier() or not (tools / name / MANIFEST).is_file():
        raise ToolboxError(f"no toolbox {name!r} to build: {tools / name} needs {MANIFEST} and its source")
    return source_of(tools / name, tools, built_folder() / name)


def _build(source: Source, progress: Progress | None) -> None:
    if not _is_current(source):
        with lock(source.target.parent):
            _build_one(source, progress or Progress(sys.stderr))


def _build_one(source: Source, progress: Progress) -> None:
    if _is_current(source):
        return  # Another process built it while we waited for the lock.
    language = LANGUAGES[source.language]
    digest = _digests(source)  # Before: a source that changes meanwhile must be built again.
    is_kept = _is_component_current(source, digest)
    if not is_kept:
        language.need(source)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir=source.target.parent, prefix=".building-") as work:
        fresh = Path(work) / source.name
        fresh.mkdir()
        manifest = _whole_manifest(source, Path(work))
        if is_kept:
            shutil.copyfile(source.target / COMPONENT, fresh / COMPONENT)
        else:
            progress.begin(source.name, language.seconds)
            language.make(source, manifest, fresh / COMPONENT, progress)
        (fresh / MANIFEST).write_bytes(_stamped(manifest, _sha256(fresh / COMPONENT), digest))
        _replace(fresh, source.target)
    progress.done(source.name, time.monotonic() - started, "only toolbox.toml changed" if is_kept else "")


def _whole_manifest(source: Source, work: Path) -> dict[str, Any]:
    """toolbox.toml with what the source says of its tools, where that is needed.

    :raises ToolboxError: the registry would refuse it; better said before the build than after it
    """
    manifest = read_manifest(source.folder)
    found = {} if is_complete(manifest) else LANGUAGES[source.language].describe(source, work)
    whole = completed(manifest, found, str(source.manifest))
    parse_manifest(_stamped(whole, "0" * 64, ""), str(source.manifest))
    return whole


def _is_current(source: Source) -> bool:
    """Whether what is built came from these sources and is what its stamp says."""
    try:
        return _stamp(source).partition("-")[0] == source.digest()
    except (OSError, ValueError):
        return False


def _is_component_current(source: Source, digest: str) -> bool:
    """Whether a build with these digests would only make the component again that is there."""
    try:
        return _stamp(source).partition("-")[2] == digest.partition("-")[2]
    except (OSError, ValueError):
        return False


def _stamp(source: Source) -> str:
    """What is noted of the sources of what is built.

    :raises ValueError: the component is not the one that the note is of
    """
    stamp = tomllib.loads((source.target / MANIFEST).read_text("utf-8"))
    if stamp.get("sha256") != _sha256(source.target / COMPONENT):
        raise ValueError("another component")
    return str(stamp.get("source"))


def _digests(source: Source) -> str:
    """The build's note: the digest of all that is read, and half of that of what makes the component."""
    profile = read_manifest(source.folder)["profile"]
    return f"{source.digest()}-{source.component_digest(profile)[:32]}"


def _stamped(manifest: dict[str, Any], sha256: str, digest: str) -> bytes:
    """The built toolbox.toml: which component, and which sources it was built from."""
    stamp = {"component": COMPONENT, "sha256": sha256, "source": digest}
    return as_toml({**stamp, **manifest}).encode()


def _replace(fresh: Path, target: Path) -> None:
    """Put the fresh folder in the target's place; a reader never sees half of one."""
    if target.exists():
        target.rename(fresh.with_name("old"))
    fresh.rename(target)


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def main(names: Sequence[str]) -> int:
    """Build the named toolboxes, or the standard one; 0, or 1 with one sentence on stderr."""
    try:
        for folder in build(tuple(names) or ("standard",)):
            print(folder)
    except ToolboxError as error:
        print(f"ironclaw: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
