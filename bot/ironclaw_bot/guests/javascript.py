"""JavaScript and TypeScript toolboxes: esbuild makes one file, componentize-qjs a component of it.

Both are npm packages, pinned in sdk/js/package-lock.json and installed beside it, without their scripts.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ironclaw.errors import ToolboxError
from ironclaw_bot.guests import children
from ironclaw_bot.guests.described import Descriptions
from ironclaw_bot.guests.locks import lock
from ironclaw_bot.guests.source import Source
from ironclaw_bot.progress import Progress

WORLD = "toolbox"
HOST = "ironclaw:tool/host@1.0.0"
BUILDER = "the builder of JavaScript toolboxes"
INSTALLED = ".ironclaw"  #: In node_modules: the digest of the lock file that it was installed from.


def need(source: Source) -> None:
    """See that node and the packages are there; packages that are missing are installed.

    :raises ToolboxError: says what to install
    """
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise ToolboxError(
                f"{program} is not installed; it builds JavaScript toolboxes: install Node.js 20 or newer"
            )
    with lock(source.sdk):  # Not node_modules itself: npm removes it first.
        if not _is_installed(source.sdk):
            _install(source)


def _is_installed(sdk: Path) -> bool:
    try:
        return (sdk / "node_modules" / INSTALLED).read_text() == _lock_digest(sdk)
    except OSError:
        return False


def _lock_digest(sdk: Path) -> str:
    return hashlib.sha256((sdk / "package-lock.json").read_bytes()).hexdigest()


def _install(source: Source) -> None:
    """What the lock file names, each package checked against its hash; no script of a package runs."""
    progress, started = Progress(sys.stderr, "installing", "installed"), time.monotonic()
    modules = source.sdk / "node_modules"
    progress.begin(BUILDER, "npm packages, once; 10 s to a minute")
    children.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        what="npm ci", name=BUILDER, folder=source.sdk, log=source.sdk / ".npm.log", progress=progress,
    )  # fmt: skip
    (modules / INSTALLED).write_text(_lock_digest(source.sdk))
    progress.done(BUILDER, time.monotonic() - started)


def describe(source: Source, work: Path) -> Descriptions:
    """What the calls of ``tool`` say; the author's file is loaded by node, with a host that refuses.

    :raises ToolboxError: it cannot be loaded
    """
    need(source)
    output = work / "describe.mjs"
    stub = f"--alias:{HOST}={source.sdk / 'ironclaw_host.js'}"
    _bundle(source, "ironclaw_describe.js", output, ["--platform=node", stub], Progress(sys.stderr))
    found: Descriptions = json.loads(children.answer(["node", str(output)], source.folder))
    return found


def make(source: Source, manifest: Mapping[str, Any], output: Path, progress: Progress) -> None:
    """Write the component."""
    if manifest["profile"] != "pure":
        raise ToolboxError(f"{source.manifest}: only Python tools have files: profile must be pure")
    bundle = output.with_suffix(".js")
    options = ["--platform=neutral", "--target=es2023", "--external:ironclaw:tool/*"]
    _bundle(source, "ironclaw_entry.js", bundle, options, progress)
    tool = source.sdk / "node_modules" / "componentize-qjs" / "cli.mjs"
    wit = ["--wit", str(source.tools / "wit"), "-n", WORLD]
    children.run(
        ["node", str(tool), *wit, "-j", str(bundle), "--sync", "--stub-wasi", "-o", str(output)],
        what="componentize-qjs", name=source.name, folder=output.parent, log=output.with_suffix(".log"),
        progress=progress,
    )  # fmt: skip
    bundle.unlink()


def _bundle(source: Source, entry: str, output: Path, options: list[str], progress: Progress) -> None:
    """One file of the author's files and the SDK."""
    esbuild = source.sdk / "node_modules" / "esbuild" / "bin" / "esbuild"
    aliases = {"ironclaw-app": source.folder / source.entry, "ironclaw": source.sdk / "ironclaw.js"}
    words = [
        "node", str(esbuild), str(source.sdk / entry), "--bundle", "--format=esm", "--log-level=warning",
        *(f"--alias:{name}={path}" for name, path in aliases.items()), *options, f"--outfile={output}",
    ]  # fmt: skip
    children.run(
        words, what="esbuild", name=source.name, folder=source.folder, log=output.with_suffix(".log"),
        progress=progress,
    )  # fmt: skip
