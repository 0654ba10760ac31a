"""Attacks by way of what CI runs: somebody else's steps, named by something that can be moved."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
WORKFLOWS = {".github", ".gitea", ".forgejo"}  #: Of the services that take this language.
FOREIGN = {".git", ".venv", ".ironclaw", "node_modules"}
USES = re.compile(r"""^\s*(?:-\s+)?["']?uses["']?\s*:\s*["']?(?P<what>[^\s"'#]+)""", re.MULTILINE)
PINNED = re.compile(r"[^@]+@[0-9a-f]{40}|docker://[^@]+@sha256:[0-9a-f]{64}")
COMMIT = "0a1b2c3d" * 5


def _files(root: Path) -> Iterator[Path]:
    """Workflows, and what a folder offers as an action."""
    for place, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in FOREIGN]
        folder = Path(place)
        is_of_ci = bool(WORKFLOWS & set(folder.relative_to(root).parts))
        kinds = {".yml", ".yaml"}
        yield from (
            folder / name
            for name in names
            if Path(name).suffix in kinds and (is_of_ci or Path(name).stem == "action")
        )


def unpinned(root: Path) -> Iterator[str]:
    """Each step of somebody else's that is named by a tag or a branch; ours (./) are of the same commit."""
    for path in _files(root):
        for found in USES.finditer(path.read_text("utf-8")):
            if not found["what"].startswith("./") and not PINNED.fullmatch(found["what"]):
                yield f"{path.relative_to(root)}: {found['what']}"


async def action_by_tag() -> str | None:
    """Found where somebody puts it; in this repository there is none, nor any other."""
    tries = {
        "actions/checkout@v4": False,
        f"actions/checkout@{COMMIT[:7]}": False,
        f"actions/checkout@{COMMIT}": True,
        "docker://alpine:3": False,
        f"docker://alpine@sha256:{'a' * 64}": True,
        "./.github/own": True,
    }
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / ".github" / "workflows" / "ci.yml"
        file.parent.mkdir(parents=True)
        for what, is_fine in tries.items():
            file.write_text(f"jobs:\n  test:\n    steps:\n      - name: x\n        uses: '{what}' # latest\n")
            if is_fine is bool(list(unpinned(Path(name)))):
                return f"{what} is {'refused' if is_fine else 'let through'}"
    return next(unpinned(ROOT), None)


CASES: Mapping[str, Callable[[], Awaitable[str | None]]] = {"sc-33": action_by_tag}
