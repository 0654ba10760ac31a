"""What a built toolbox is: digests, imports, and what each tool may touch."""

from __future__ import annotations

import difflib
import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from ironclaw.app import memory_tools
from ironclaw.capabilities import Capabilities, HttpRule
from ironclaw.errors import NotFound, ToolboxError
from ironclaw.registry import Installed, Registry, Tool, Toolbox, Where
from ironclaw.settings import Settings
from ironclaw_bot.build import built_folder
from ironclaw_bot.guests.sections import component_imports
from ironclaw_bot.guests.source import MANIFEST, read_manifest
from ironclaw_bot.mcp_standing import tools_of_servers

#: Tools that run in no sandbox: where else.
RUNS = {Where.HOST: "in the engine itself", Where.MCP: "at its MCP server"}


async def find(which: str, settings: Settings) -> list[Tool]:
    """The tools of one toolbox, or of one MCP server.

    :param which: a folder (source or built), or the name of a toolbox, a server or a tool
    :raises ToolboxError: there is none
    """
    if (Path(which) / MANIFEST).is_file():
        return list(Registry.load([built(Path(which))]).tools)
    own = everything(settings).tools
    theirs, notes = await tools_of_servers(settings, own)
    found = [tool for tool in (*own, *theirs) if which in (tool.name, tool.toolbox.name)]
    if not found and which in notes:
        raise ToolboxError(f"MCP server {which}: {notes[which]}")
    if not found:
        raise ToolboxError(f"{which}: no folder with {MANIFEST}, and no toolbox or tool of this name")
    return found


def built(folder: Path) -> Path:
    """The folder itself, or what its source was built to.

    :raises ToolboxError: it holds no toolbox, or one that is not built
    """
    manifest = read_manifest(folder)
    if "component" in manifest:
        return folder
    built = folder / "built" / str(manifest["name"])
    if not (built / MANIFEST).is_file():
        raise ToolboxError(f"{folder}: not built yet; run ironclaw tool build {folder}")
    return built


def lines(tools: list[Tool]) -> Iterator[str]:
    """A toolbox in lines for people; the manifest's own words are untrusted."""
    box = tools[0].toolbox
    yield f"{box.name} {box.version}  {f'profile {box.profile}' if box.profile else RUNS[box.where]}"
    yield from (f"  {line}" for line in pins(box))
    for tool in tools:
        yield f"{tool.name}  risk {tool.risk.value}, effect {tool.effect.value}"
        yield f"  {tool.description}"
        yield from (f"  {line}" for line in touches(tool))


def shown(found: Registry, more: Iterable[Tool]) -> Iterator[str]:
    """All tools in lines for people: risk, what they may touch or where they run; then the toolboxes.

    :param more: those of MCP servers, whose words are untrusted
    """
    tools = (*found.tools, *more)
    width = max((len(tool.name) for tool in tools), default=0)
    for tool in tools:
        yield f"{tool.name:<{width}} {tool.risk.value:<5} {where(tool)}"
        yield f"{'':{width}} {tool.description}"
    for box in found.toolboxes:
        if box.where is Where.SANDBOX:
            signer = f"signed by {box.signer}" if box.signer else "trusted by its folder"
            yield f"toolbox {box.name} {box.version}  sha256 {box.component_sha256}  {signer}"
    yield from (f"left out: {each}" for each in found.left_out)


def where(tool: Tool) -> str:
    """Where a tool runs, or what it may touch, in a few words."""
    if tool.toolbox.where is not Where.SANDBOX:
        return tool.capabilities.server or RUNS[tool.toolbox.where]
    hosts = ", ".join(sorted({rule.host for rule in tool.capabilities.http})) or "no network"
    return f"scratch {tool.capabilities.scratch.value:<6} {hosts}"


def pins(box: Toolbox) -> Iterator[str]:
    """What a toolbox is, beyond its name: one line for each digest, its signer, its imports."""
    yield f"component  {box.component_sha256}"
    yield f"manifest   {box.manifest_sha256}"
    if box.where is not Where.SANDBOX:
        return
    yield f"signer     {box.signer or 'none: trusted by its folder'}"
    yield f"imports    {', '.join(packages(component_imports(box.component))) or 'nothing'}"


def everything(settings: Settings, but: str = "") -> Registry:
    """The tools that a bot with these settings has.

    :param but: a toolbox that was added and is left out
    :raises ToolboxError: as Registry.load
    """
    folders = [built_folder() / "standard", *settings.toolboxes]
    return Registry.load(folders, Installed.of(settings, time.time(), but), _engines_own(settings))


def _engines_own(settings: Settings) -> tuple[Tool, ...]:
    """The tools that the engine itself carries out, where something finds memories again."""
    return memory_tools.tools() if "memory_qdrant" in settings.plugins else ()


async def check_name(name: str, settings: Settings) -> None:
    """See that a bot with these settings has a tool, without compiling any.

    :raises NotFound: it has not; says where these settings come from, and what is nearly called so
    """
    own = everything(settings).tools
    theirs, notes = await tools_of_servers(settings, own)
    known = [tool.name for tool in (*own, *theirs)]
    if name in known:
        return
    if why := notes.get(name.partition(".")[0]):
        raise NotFound(f"There is no tool called {name!r} here. Its MCP server: {why}.")
    raise NotFound(_unknown(name, known, settings))


def _unknown(name: str, known: list[str], settings: Settings) -> str:
    file = Path("ironclaw.toml").absolute()
    near = difflib.get_close_matches(name, known, n=3)
    return (
        f"There is no tool called {name!r} here"
        + (f"; near names: {', '.join(near)}" if near else "")
        + f".\nThe settings: {file}{'' if file.exists() else ', which is not there'}. "
        f"What was added: {(settings.data_dir / 'toolboxes').absolute()}."
    )


def packages(imports: list[str]) -> list[str]:
    """The imports, WASI's interfaces taken together by package: wasi:io/poll@0.2.9 is wasi:io@0.2.9."""
    return list(dict.fromkeys(re.sub(r"^(wasi:[a-z-]+)/[a-z-]+@", r"\1@", name) for name in imports))


def touches(tool: Tool) -> Iterator[str]:
    """What a tool may touch and use, one line each."""
    limits = tool.capabilities.limits
    computing = ""
    if tool.toolbox.where is Where.SANDBOX:
        yield from _granted(tool.capabilities)
        computing = f"fuel {limits.fuel:,}, memory {limits.memory_mb} MiB, "
    else:
        yield f"runs       {where(tool)}"
    yield f"limits     {computing}{limits.seconds:g} s, output {limits.output_bytes:,} B"


def _granted(capabilities: Capabilities) -> Iterator[str]:
    yield f"scratch    {capabilities.scratch.value}"
    for rule in capabilities.http:
        yield f"http       {_rule(rule)}"
    if not capabilities.http:
        yield "http       none"
    yield f"secrets    {', '.join(capabilities.secrets) or 'none'}"


def _rule(rule: HttpRule) -> str:
    ports = "" if rule.ports == {443} else f" ports {', '.join(map(str, sorted(rule.ports)))}"
    return f"{', '.join(sorted(rule.methods))} {rule.host}{ports} {' '.join(rule.path_prefixes)}"
