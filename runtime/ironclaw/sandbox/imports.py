"""What a component may import and must export, read from its binary before anything of it runs."""

from __future__ import annotations

import re
from collections.abc import Iterable

from wasmtime import Engine
from wasmtime.component import (
    Component,
    ComponentInstanceType,
    FuncType,
    ResultType,
    String,
)

from ironclaw.sandbox.model import Profile

HOST = "ironclaw:tool/host@1.0.0"
HOST_FUNCTIONS = frozenset({"log", "http", "now", "random"})
#: The first bytes of a binary component: the text form would be parsed, and a core module is no component.
MAGIC = b"\0asm\x0d\0\x01\0"

# wasi:http is missing on purpose, and nothing may ever add it: egress is the only door to the network.
# wasi:sockets is here because Python components of this profile import it; it refuses every call.
_WASI = re.compile(r"wasi:(cli|clocks|filesystem|io|random|sockets)/[a-z0-9-]+@0\.2\.\d{1,3}\Z")


def refused_imports(names: Iterable[str], profile: Profile) -> list[str]:
    """The imports that the profile does not cover, sorted."""
    return sorted(name for name in names if not _may_import(name, profile))


def _may_import(name: str, profile: Profile) -> bool:
    return name == HOST or (profile is Profile.SCRATCH and _WASI.match(name) is not None)


def component_fault(engine: Engine, component: Component, profile: Profile) -> str | None:
    """Why a component cannot be a toolbox of this profile; None where it can."""
    refused = refused_imports(component.type.imports(engine), profile)
    if refused:
        return f"it imports what the profile {profile.value!r} does not have: {_shown(refused)}"
    strange = _strange_functions(engine, component)
    if strange:
        return f"it imports host functions that do not exist: {_shown(strange)}"
    if not _exports_run(engine, component):
        return "it does not export run: func(tool: string, input: string) -> result<string, failure>"
    return None


def _shown(names: list[str]) -> str:
    """Some of the names, which are the component's own text: short, with nothing that steers a terminal."""
    return ", ".join(re.sub(r"[^\w:/@.\-\[\]]", "?", name, flags=re.ASCII)[:80] for name in names[:5])


def _strange_functions(engine: Engine, component: Component) -> list[str]:
    """What the component wants of our host beyond the WIT, sorted.  The types are the linker's to check."""
    host = component.type.imports(engine).get(HOST)
    kind = host.ty if host else None
    if not isinstance(kind, ComponentInstanceType):
        return []
    exports = kind.exports(engine)
    functions = {name for name, export in exports.items() if isinstance(export.ty, FuncType)}
    return sorted(functions - HOST_FUNCTIONS)


def _exports_run(engine: Engine, component: Component) -> bool:
    export = component.type.exports(engine).get("run")
    kind = export.ty if export else None
    if not isinstance(kind, FuncType):
        return False
    takes = [type(param) for _name, param in kind.params]
    gives = kind.result.ok if isinstance(kind.result, ResultType) else None
    return takes == [String, String] and isinstance(gives, String)
