"""Where one toolbox is built from, and what decides whether it must be built again."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ironclaw.errors import ToolboxError

MANIFEST = "toolbox.toml"
NAME = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")
#: Folders of a source that are no source: what is built, what is installed, what is hidden.
NOT_SOURCE = frozenset({"built", "node_modules", "__pycache__"})


@dataclass(frozen=True, slots=True)
class Source:
    """One toolbox's source folder."""

    name: str  #: The toolbox's, as toolbox.toml says it.
    folder: Path
    tools: Path  #: The folder of ironclaw_tools: holds wit/ and sdk/.
    target: Path  #: The folder of what is built.
    language: str  #: A key of ``languages.LANGUAGES``.
    entry: str  #: The file that the build begins with, such as app.py.
    suffixes: frozenset[str]  #: Of the files that go into the component.
    builder: str  #: Which versions of which programs build it.

    @property
    def manifest(self) -> Path:
        return self.folder / MANIFEST

    @property
    def sdk(self) -> Path:
        return self.tools / "sdk" / self.language

    def files(self) -> Iterator[tuple[str, Path]]:
        """Everything that goes into the component, with a name that is the same on every machine."""
        for file in _below(self.folder):
            if file == self.manifest or file.suffix in self.suffixes:
                yield f"source/{file.relative_to(self.folder).as_posix()}", file
        for root in (self.sdk, self.tools / "wit"):
            for file in _below(root):
                yield file.relative_to(self.tools).as_posix(), file

    def digest(self) -> str:
        """SHA-256 over the builder's versions and each file's name and bytes."""
        return _digest(self.builder, self.files())

    def component_digest(self, profile: str) -> str:
        """The same of what the component is made of: of toolbox.toml, the profile alone."""
        files = ((name, file) for name, file in self.files() if file != self.manifest)
        return _digest(f"{self.builder} {self.language} {self.entry} {profile}", files)


def _digest(head: str, files: Iterable[tuple[str, Path]]) -> str:
    sha = hashlib.sha256(f"{head}\n".encode())
    for name, file in files:
        content = file.read_bytes()
        sha.update(f"{name} {len(content)}\n".encode() + content)
    return sha.hexdigest()


def _below(root: Path) -> list[Path]:
    """The files below a folder in a fixed order, without what is no source."""
    found = []
    for each in sorted(root.iterdir()):
        if each.name.startswith(".") or each.name in NOT_SOURCE:
            continue
        found += _below(each) if each.is_dir() else [each]
    return found


def read_manifest(folder: Path) -> dict[str, Any]:
    """The author's toolbox.toml, whose tools need no description and no schema.

    :raises ToolboxError: there is none, it is no TOML, or its first keys are wrong
    """
    path = folder / MANIFEST
    try:
        manifest = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ToolboxError(f"{path}: {error.strerror}; ironclaw tool new NAME makes a toolbox") from None
    except ValueError as error:
        raise ToolboxError(f"{path}: {error}") from None
    if not isinstance(manifest.get("name"), str) or not NAME.match(manifest["name"]):
        raise ToolboxError(f"{path}: name must be a word of a-z, 0-9 and _, such as my_tools")
    if manifest.setdefault("profile", "pure") not in ("pure", "scratch"):
        raise ToolboxError(f"{path}: profile must be pure or scratch")
    return manifest
