"""Builds the toolboxes from source: ``python -m ironclaw_bot.build [names]``.

A toolbox's source is a folder of ironclaw_tools with ``app.py`` and ``toolbox.toml``; what is built
goes to ``ironclaw_tools/built/<name>/``: ``component.wasm`` and a ``toolbox.toml`` stamped with its digest.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.resources
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from ironclaw.errors import ToolboxError
from ironclaw_bot.progress import Progress

COMPONENTIZE_PY = "0.25.1"  #: Exactly: another version makes another component.
BUILD_SECONDS = 900
WORLD = "toolbox"

#: Its console script as a module call, so that the environment's own one is used whatever PATH says.
RUN_COMPONENTIZE = "import sys; from componentize_py import script; sys.exit(script())"


@dataclass(frozen=True, slots=True)
class Source:
    """Where one toolbox is built from, and what decides whether it must be built again."""

    name: str
    folder: Path
    tools: Path  #: The folder of ironclaw_tools: holds wit/ and sdk/ too.

    @property
    def manifest(self) -> Path:
        return self.folder / "toolbox.toml"

    @property
    def sdk(self) -> Path:
        return self.tools / "sdk" / "python"

    @property
    def target(self) -> Path:
        return self.tools / "built" / self.name

    def files(self) -> list[Path]:
        """Everything that goes into the component, in a fixed order."""
        roots = (
            (self.folder, "*.py"),
            (self.folder, "toolbox.toml"),
            (self.sdk, "*.py"),
            (self.tools / "wit", "*.wit"),
        )
        return [file for root, pattern in roots for file in sorted(root.rglob(pattern))]

    def digest(self) -> str:
        """SHA-256 over the builder's version and each file's name and bytes."""
        sha = hashlib.sha256(f"componentize-py {COMPONENTIZE_PY}\n".encode())
        for file in self.files():
            content = file.read_bytes()
            sha.update(f"{file.relative_to(self.tools).as_posix()} {len(content)}\n".encode() + content)
        return sha.hexdigest()


def tools_folder() -> Path:
    """The folder of the package ironclaw_tools, installed or editable."""
    return Path(str(importlib.resources.files("ironclaw_tools")))


def built_folder() -> Path:
    """Where built toolboxes are: one folder each."""
    return tools_folder() / "built"


def build(names: Sequence[str] = ("standard",), progress: Progress | None = None) -> list[Path]:
    """Build each named toolbox that is not up to date.

    :return: the folder of each, in the order of names
    :raises ToolboxError: no such source, no componentize-py, or it refused the source
    """
    sources = [_source(name) for name in names]
    if not all(_is_current(source) for source in sources):
        with _build_lock():
            for source in sources:
                _build_one(source, progress or Progress(sys.stderr))
    return [source.target for source in sources]


def _source(name: str) -> Source:
    tools = tools_folder()
    folder = tools / name
    if not name.isidentifier() or not all(
        (folder / needed).is_file() for needed in ("app.py", "toolbox.toml")
    ):
        raise ToolboxError(f"no toolbox {name!r} to build: {folder} needs app.py and toolbox.toml")
    return Source(name, folder, tools)


@contextmanager
def _build_lock() -> Iterator[None]:
    """Hold the right to write to the built folder, against other processes."""
    folder = built_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w")
    except OSError as error:
        raise ToolboxError(
            f"{folder} cannot be written ({error.strerror}): toolboxes are built there"
        ) from None
    with lock:
        _wait_for(lock)
        yield


def _wait_for(lock: TextIO) -> None:
    """Lock the file until it is closed."""
    if sys.platform == "win32":
        return  # Two builds at once waste work there; the renames keep each result whole.
    import fcntl  # noqa: PLC0415 - does not exist on Windows

    fcntl.flock(lock, fcntl.LOCK_EX)


def _build_one(source: Source, progress: Progress) -> None:
    if _is_current(source):
        return  # Another process built it while we waited for the lock.
    _need_componentize()
    started = time.monotonic()
    digest = source.digest()  # Before: a source that changes meanwhile must be built again.
    with tempfile.TemporaryDirectory(dir=built_folder(), prefix=".building-") as work:
        fresh = Path(work) / source.name
        fresh.mkdir()
        _componentize(source, fresh / "component.wasm", progress)
        _stamp(source, fresh, digest)
        _replace(fresh, source.target)
    progress.done(source.name, time.monotonic() - started)


def _is_current(source: Source) -> bool:
    """Whether what is built came from these sources and is what its stamp says."""
    try:
        stamp = tomllib.loads((source.target / "toolbox.toml").read_text("utf-8"))
        component = _sha256(source.target / "component.wasm")
        return stamp.get("source") == source.digest() and stamp.get("sha256") == component
    except (OSError, ValueError):
        return False


def _need_componentize() -> None:
    try:
        found = importlib.metadata.version("componentize-py")
    except importlib.metadata.PackageNotFoundError:
        raise ToolboxError(
            "componentize-py is not installed; it builds Python toolboxes: pip install 'ironclaw[build]'"
        ) from None
    if found != COMPONENTIZE_PY:
        raise ToolboxError(
            f"componentize-py is {found}, but {COMPONENTIZE_PY} is needed: pip install 'ironclaw[build]'"
        )


def _componentize(source: Source, output: Path, progress: Progress) -> None:
    """Run componentize-py on the source; its own words are shown only when it fails."""
    log = output.with_suffix(".log")
    progress.begin(source.name)
    with log.open("wb") as sink:
        child = subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
            [sys.executable, "-c", RUN_COMPONENTIZE, *_arguments(source, output)],
            cwd=source.folder, env=_environment(output.parent), stdout=sink, stderr=subprocess.STDOUT,
        )  # fmt: skip
        status = _wait(child, source.name, progress)
    if status != 0 or not output.is_file():
        progress.failed(source.name)
        words = log.read_text("utf-8", "replace").strip()[-4000:]
        raise ToolboxError(f"componentize-py could not build the toolbox {source.name}:\n{words}")
    log.unlink()


def _arguments(source: Source, output: Path) -> list[str]:
    stub = ["--stub-wasi"] if _manifest(source)["profile"] == "pure" else []
    paths = ["-p", str(source.folder), "-p", str(source.sdk)]
    wit = str(source.tools / "wit")
    return ["-d", wit, "-w", WORLD, "componentize", "app", *paths, *stub, "-o", str(output)]


def _manifest(source: Source) -> dict[str, Any]:
    try:
        manifest = tomllib.loads(source.manifest.read_text("utf-8"))
    except ValueError as error:
        raise ToolboxError(f"{source.manifest}: {error}") from None
    if manifest.get("profile", "pure") not in ("pure", "scratch"):
        raise ToolboxError(f"{source.manifest}: profile must be pure or scratch")
    return {"profile": "pure", **manifest}


def _environment(work: Path) -> dict[str, str]:
    """An environment in which componentize-py finds no site-packages but an empty one.

    Otherwise whatever is installed beside us could be baked into a tool.
    """
    empty = work / "venv"
    (empty / "lib" / "site-packages").mkdir(parents=True)
    return {**os.environ, "VIRTUAL_ENV": str(empty), "PYTHONDONTWRITEBYTECODE": "1"}


def _wait(child: subprocess.Popen[bytes], name: str, progress: Progress) -> int:
    """The child's exit status; a child that is late, or that we stop waiting for, is killed."""
    started = time.monotonic()
    try:
        while True:
            seconds = time.monotonic() - started
            progress.tick(name, seconds)
            if seconds > BUILD_SECONDS:
                raise ToolboxError(f"building the toolbox {name} took more than {BUILD_SECONDS} s")
            try:
                return child.wait(timeout=0.5)
            except subprocess.TimeoutExpired:
                continue
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()


def _stamp(source: Source, fresh: Path, digest: str) -> None:
    """Write the manifest with what was built; top-level keys must come before the first table."""
    shutil.rmtree(fresh / "venv")
    sha256 = _sha256(fresh / "component.wasm")
    stamp = f'component = "component.wasm"\nsha256 = "{sha256}"\nsource = "{digest}"\n'
    (fresh / "toolbox.toml").write_text(stamp + source.manifest.read_text("utf-8"), "utf-8")


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
