"""Loads toolboxes from folders and answers by name."""

from __future__ import annotations

import copy
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from ironclaw.errors import ToolboxError
from ironclaw.registry import arguments
from ironclaw.registry.manifest import Manifest, ToolTable, parse_manifest
from ironclaw.registry.model import Tool, Toolbox, effective_risk
from ironclaw.registry.schemas import validator
from ironclaw.task import Json, ToolOffer

MANIFEST = "toolbox.toml"
MAX_MANIFEST_BYTES = 1 << 20
MAX_COMPONENT_BYTES = 256 << 20
CHUNK = 1 << 20


class Registry:
    """The tools there are.  It does not change while the process runs."""

    def __init__(self, tools: Iterable[Tool]) -> None:
        """:raises ToolboxError: two toolboxes have one name, or two tools have"""
        self._tools = _by_name(tools)
        self._validators = {name: validator(tool.schema) for name, tool in self._tools.items()}

    @classmethod
    def load(cls, folders: Sequence[Path]) -> Registry:
        """Every toolbox in these folders: a folder may be one, or hold some.

        :raises ToolboxError: names the file and the field; one wrong toolbox and nothing is loaded
        """
        return cls(tool for folder in folders for path in _toolbox_folders(folder) for tool in _load(path))

    @property
    def toolboxes(self) -> tuple[Toolbox, ...]:
        """The toolboxes, in the order of their names."""
        found = {tool.toolbox.name: tool.toolbox for tool in self._tools.values()}
        return tuple(found[name] for name in sorted(found))

    @property
    def tools(self) -> tuple[Tool, ...]:
        """The tools, in the order of their names."""
        return tuple(self._tools[name] for name in sorted(self._tools))

    def get(self, name: str) -> Tool | None:
        """The tool of exactly this name: no other case, no look-alike, no invisible character."""
        return self._tools.get(name)

    def offers(self, names: tuple[str, ...] | None = None) -> tuple[ToolOffer, ...]:
        """What the brain may know of the named tools, or of all; names that no tool has are left out."""
        chosen = (tool for tool in self.tools if names is None or tool.name in names)
        return tuple(ToolOffer(tool.name, tool.description, copy.deepcopy(tool.schema)) for tool in chosen)

    def validate(self, tool: Tool, args: Mapping[str, Json]) -> list[str]:
        """What is wrong with the arguments, in short sentences with pointers; [] for nothing."""
        return arguments.faults(self._validators[tool.name], args)

    def with_defaults(self, tool: Tool, args: Mapping[str, Json]) -> dict[str, Json]:
        """The arguments as the tool will get them: what is missing has its default."""
        return dict(arguments.with_defaults(tool.schema, dict(args)))


def _by_name(tools: Iterable[Tool]) -> dict[str, Tool]:
    found: dict[str, Tool] = {}
    folders: dict[str, Path] = {}
    for tool in tools:
        folder = tool.toolbox.folder
        if folders.setdefault(tool.toolbox.name, folder) != folder:
            raise ToolboxError(
                f"{folder}: there is a toolbox {tool.toolbox.name} in {folders[tool.toolbox.name]}"
            )
        if other := found.get(tool.name):
            raise ToolboxError(f"{folder}: the toolbox {other.toolbox.name} has a tool {tool.name} too")
        found[tool.name] = tool
    return found


def _toolbox_folders(folder: Path) -> Iterator[Path]:
    """The folder itself and its children, where they hold a manifest; hidden ones are passed over."""
    if not folder.is_dir():
        raise ToolboxError(f"{folder}: there is no such folder of toolboxes")
    children = sorted(child for child in folder.iterdir() if not child.name.startswith("."))
    yield from (each for each in (folder, *children) if (each / MANIFEST).is_file())


def _load(folder: Path) -> Iterator[Tool]:
    content = _read(folder / MANIFEST)
    manifest = parse_manifest(content, str(folder / MANIFEST))
    toolbox = _toolbox(folder, manifest, hashlib.sha256(content).hexdigest())
    return (_tool(name, table, toolbox) for name, table in manifest.tools.items())


def _toolbox(folder: Path, manifest: Manifest, manifest_sha256: str) -> Toolbox:
    component = folder / manifest.component
    if _sha256(component) != manifest.sha256:
        raise ToolboxError(f"{component}: not the file that sha256 in {MANIFEST} names; build it again")
    return Toolbox(
        name=manifest.name,
        version=manifest.version,
        folder=folder,
        component=component,
        component_sha256=manifest.sha256,
        manifest_sha256=manifest_sha256,
        profile=manifest.profile,
    )


def _tool(name: str, table: ToolTable, toolbox: Toolbox) -> Tool:
    capabilities = table.capabilities()
    return Tool(
        name=name,
        description=table.description,
        schema=table.arguments,
        risk=effective_risk(table.risk, capabilities),
        effect=table.effect,
        capabilities=capabilities,
        toolbox=toolbox,
    )


def _read(path: Path) -> bytes:
    return b"".join(_chunks(path, MAX_MANIFEST_BYTES))


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    for chunk in _chunks(path, MAX_COMPONENT_BYTES):
        digest.update(chunk)
    return digest.hexdigest()


def _chunks(path: Path, most: int) -> Iterator[bytes]:
    """The bytes of an ordinary file, never through a link.

    :raises ToolboxError: it is a link, no file, longer than most bytes, or cannot be read
    """
    try:
        with open(path, "rb", opener=_open_no_link) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_size > most:
                raise ToolboxError(f"{path}: not an ordinary file of at most {most} bytes")
            while chunk := file.read(CHUNK):
                yield chunk
    except OSError as error:
        raise ToolboxError(f"{path}: cannot be read ({error.strerror}); links are not followed") from None


def _open_no_link(path: str, flags: int) -> int:
    """Non-blocking, so that a FIFO in the file's place cannot hold us up."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
