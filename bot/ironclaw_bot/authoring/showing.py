"""What a built toolbox is: digests, imports, and what each tool may touch."""

from __future__ import annotations

import difflib
import re
import time
from collections.abc import Iterator
from pathlib import Path

from ironclaw.capabilities import Capabilities, HttpRule
from ironclaw.errors import NotFound, ToolboxError
from ironclaw.registry import Installed, Registry, Tool, Toolbox
from ironclaw.settings import Settings
from ironclaw_bot.build import built_folder
from ironclaw_bot.guests.sections import component_imports
from ironclaw_bot.guests.source import MANIFEST, read_manifest


def find(which: str, settings: Settings) -> list[Tool]:
    """The tools of one toolbox.

    :param which: a folder (source or built), or the name of an installed toolbox or tool
    :raises ToolboxError: there is none
    """
    if (Path(which) / MANIFEST).is_file():
        return list(Registry.load([built(Path(which))]).tools)
    tools = everything(settings).tools
    found = [tool for tool in tools if which in (tool.name, tool.toolbox.name)]
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
    yield f"{box.name} {box.version}  profile {box.profile}"
    yield from (f"  {line}" for line in pins(box))
    for tool in tools:
        yield f"{tool.name}  risk {tool.risk.value}, effect {tool.effect.value}"
        yield f"  {tool.description}"
        yield from (f"  {line}" for line in touches(tool.capabilities))


def pins(box: Toolbox) -> Iterator[str]:
    """What a toolbox is, beyond its name: one line for each digest, its signer, its imports."""
    yield f"component  {box.component_sha256}"
    yield f"manifest   {box.manifest_sha256}"
    yield f"signer     {box.signer or 'none: trusted by its folder'}"
    yield f"imports    {', '.join(packages(component_imports(box.component))) or 'nothing'}"


def everything(settings: Settings, but: str = "") -> Registry:
    """The tools that a bot with these settings has.

    :param but: a toolbox that was added and is left out
    :raises ToolboxError: as Registry.load
    """
    folders = [built_folder() / "standard", *settings.toolboxes]
    return Registry.load(folders, Installed.of(settings, time.time(), but))


def check_name(name: str, settings: Settings) -> None:
    """See that a bot with these settings has a tool, without compiling any.

    :raises NotFound: it has not; says where these settings come from, and what is nearly called so
    """
    known = [tool.name for tool in everything(settings).tools]
    if name in known:
        return
    file = Path("ironclaw.toml").absolute()
    near = difflib.get_close_matches(name, known, n=3)
    raise NotFound(
        f"There is no tool called {name!r} here"
        + (f"; near names: {', '.join(near)}" if near else "")
        + f".\nThe settings: {file}{'' if file.exists() else ', which is not there'}. "
        f"What was added: {(settings.data_dir / 'toolboxes').absolute()}."
    )


def packages(imports: list[str]) -> list[str]:
    """The imports, WASI's interfaces taken together by package: wasi:io/poll@0.2.9 is wasi:io@0.2.9."""
    return list(dict.fromkeys(re.sub(r"^(wasi:[a-z-]+)/[a-z-]+@", r"\1@", name) for name in imports))


def touches(capabilities: Capabilities) -> Iterator[str]:
    """What a tool may touch and use, one line each."""
    yield f"scratch    {capabilities.scratch.value}"
    for rule in capabilities.http:
        yield f"http       {_rule(rule)}"
    if not capabilities.http:
        yield "http       none"
    yield f"secrets    {', '.join(capabilities.secrets) or 'none'}"
    limits = capabilities.limits
    yield (
        f"limits     fuel {limits.fuel:,}, memory {limits.memory_mb} MiB, {limits.seconds:g} s, "
        f"output {limits.output_bytes:,} B"
    )


def _rule(rule: HttpRule) -> str:
    ports = "" if rule.ports == {443} else f" ports {', '.join(map(str, sorted(rule.ports)))}"
    return f"{', '.join(sorted(rule.methods))} {rule.host}{ports} {' '.join(rule.path_prefixes)}"
