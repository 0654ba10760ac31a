"""From a folder to its tools: the manifest, and the file that it pins."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from ironclaw.errors import ToolboxError
from ironclaw.registry.manifest import Manifest, ToolTable, parse_manifest
from ironclaw.registry.model import Tool, Toolbox, effective_risk

MANIFEST = "toolbox.toml"
MAX_MANIFEST_BYTES = 1 << 20
MAX_COMPONENT_BYTES = 256 << 20
CHUNK = 1 << 20


def load_toolbox(folder: Path) -> list[Tool]:
    """The tools of the toolbox in this folder.

    :raises ToolboxError: names the file and the field
    """
    content = read_file(folder / MANIFEST, MAX_MANIFEST_BYTES)
    manifest = parse_manifest(content, str(folder / MANIFEST))
    toolbox = _toolbox(folder, manifest, hashlib.sha256(content).hexdigest())
    return [_tool(name, table, toolbox) for name, table in manifest.tools.items()]


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
        preview=table.preview,
        check=table.check,
    )


def read_file(path: Path, most: int) -> bytes:
    """
    :raises ToolboxError: as :func:`chunks`
    """
    return b"".join(chunks(path, most))


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    for chunk in chunks(path, MAX_COMPONENT_BYTES):
        digest.update(chunk)
    return digest.hexdigest()


def chunks(path: Path, most: int) -> Iterator[bytes]:
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
