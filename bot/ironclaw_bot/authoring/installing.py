"""Adds and removes toolboxes in ``data_dir/toolboxes``: checked as a whole, then moved in as a whole."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ironclaw.canonical import subkey
from ironclaw.errors import ToolboxError
from ironclaw.keys import load_key
from ironclaw.registry import Installed, Registry, Tool, Toolbox
from ironclaw.registry.installed import signed_statement
from ironclaw.registry.reading import load_toolbox
from ironclaw.registry.versions import is_older
from ironclaw.sandbox import Component, Profile
from ironclaw.sandbox.codecache import CodeCache
from ironclaw.sandbox.preparing import prepared_code
from ironclaw.settings import Settings
from ironclaw_bot.authoring.archive import take_out
from ironclaw_bot.authoring.exchange import put_in_place
from ironclaw_bot.authoring.showing import everything
from ironclaw_bot.guests.locks import lock

AGAIN = "remove the one that is installed first: ironclaw tool rm"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A toolbox that passed every check and waits for the admin's word."""

    tools: tuple[Tool, ...]
    installed: tuple[Tool, ...]  #: What it would replace; () for nothing.
    fresh: Path  #: Its own copy of the files.
    target: Path

    @property
    def box(self) -> Toolbox:
        return self.tools[0].toolbox

    def install(self) -> None:
        """
        :raises OSError: nothing was changed
        """
        put_in_place(self.fresh, self.target)


@asynccontextmanager
async def candidate(
    source: Path, settings: Settings, progress: Callable[[str], None], *, allow_downgrade: bool = False
) -> AsyncIterator[Candidate]:
    """A toolbox as it would be installed; what is not installed within the block is gone after it.

    :param source: a built and signed folder, or a tar archive of one
    :raises ToolboxError: it is not signed by somebody trusted, not what was signed, takes another one's
        name, is older than what is installed, or its component cannot be a toolbox
    """
    installed = Installed.of(settings, time.time())
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with lock(installed.folder), tempfile.TemporaryDirectory(dir=installed.folder, prefix=".new-") as work:
        fresh = _named_like(source, Path(work))
        try:
            found = _checked(source, fresh, installed, allow_downgrade=allow_downgrade)
            Registry([*everything(settings, but=found.box.name).tools, *found.tools])
            await _check_code(found.box, settings, progress)
        except ToolboxError as error:
            raise ToolboxError(str(error).replace(str(fresh), str(source))) from None
        yield found


def remove(name: str, settings: Settings) -> None:
    """Remove a toolbox that was added, whatever is wrong with it.

    :raises ToolboxError: none of this name was added
    """
    folder = Installed.of(settings, time.time()).folder
    if not folder.is_dir() or name not in os.listdir(folder) or name.startswith("."):
        raise ToolboxError(f"{name}: no toolbox of this name was added; see ironclaw tool list")
    with lock(folder), tempfile.TemporaryDirectory(dir=folder, prefix=".old-") as work:
        (folder / name).rename(Path(work) / name)


def _named_like(source: Path, folder: Path) -> Path:
    """An empty folder whose name messages can show."""
    fresh = folder / (source.resolve().stem or "toolbox")
    fresh.mkdir()
    return fresh


def _checked(source: Path, fresh: Path, installed: Installed, *, allow_downgrade: bool) -> Candidate:
    take_out(source, fresh)
    tools = installed.load(fresh)
    box = tools[0].toolbox
    old = _lying_in(installed.folder / box.name)
    if old:
        _check_replacing(old[0].toolbox, box, allow_downgrade=allow_downgrade)
    return Candidate(tuple(tools), tuple(old), fresh, installed.folder / box.name)


def _lying_in(target: Path) -> list[Tool]:
    """What is installed, with who signed it, whether or not that signature still counts."""
    if not target.exists():
        return []
    try:
        signer = signed_statement(target).publisher
        return [replace(tool, toolbox=replace(tool.toolbox, signer=signer)) for tool in load_toolbox(target)]
    except ToolboxError as error:
        raise ToolboxError(f"{error}; {AGAIN} {target.name}") from None


def _check_replacing(was: Toolbox, box: Toolbox, *, allow_downgrade: bool) -> None:
    if box.signer != was.signer:
        raise ToolboxError(f"{box.name}: is installed from the signer {was.signer}; {AGAIN} {box.name}")
    if is_older(box.version, was.version) and not allow_downgrade:
        raise ToolboxError(
            f"{box.name}: {box.version} is older than {was.version}, which is installed; "
            "--allow-downgrade installs it all the same"
        )
    same = (was.component_sha256, was.manifest_sha256) == (box.component_sha256, box.manifest_sha256)
    if was.version == box.version and not same:
        raise ToolboxError(
            f"{box.name}: the version {box.version} is installed with another content; "
            "its publisher must give it a new version"
        )


async def _check_code(box: Toolbox, settings: Settings, progress: Callable[[str], None]) -> None:
    """Compile it as the bot will, in a process of its own, and keep the code for the bot's next start."""
    cache = CodeCache(
        settings.cache_dir or settings.data_dir / "cache", subkey(load_key(settings.key_file), "code cache")
    )
    component = Component(box.component, box.component_sha256, Profile(box.profile))
    os.close(await prepared_code(component, cache, progress))
