"""What the registry knows of a toolbox and of a tool."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from ironclaw.capabilities import Capabilities
from ironclaw.task import Effect, Json, Risk

SCRATCH_PATH = "scratch-path"  #: In a schema, as ``format`` of an argument: a file of the tenant's workspace.
CONTENT_URL = "content-url"  #: Likewise, and refused: what an address gives cannot be bound to an approval.


class Where(Enum):
    """Who carries a tool's calls out."""

    SANDBOX = "sandbox"  #: Its component, in a worker.
    HOST = "host"  #: The engine itself: what it offers the brain of its own, such as memory.
    MCP = "mcp"  #: A server of the Model Context Protocol that the operator has named.


@dataclass(frozen=True, slots=True)
class Toolbox:
    """What carries out some tools, with what says so of them, both pinned by digest.

    Of another place than the sandbox ``folder`` and ``component`` are names, and no file is there.
    """

    name: str
    version: str
    folder: Path
    component: Path
    component_sha256: str  #: Lower-case hex; checked when the registry was loaded.
    manifest_sha256: str  #: Of the bytes of toolbox.toml, lower-case hex.
    profile: str  #: "pure" or "scratch".
    signer: str = ""  #: Public key, hex; "" for a folder of the operator's own, which is trusted by its path.
    expires: int = 0  #: Unix seconds at which the signature ends; 0 for never.
    where: Where = Where.SANDBOX


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A toolbox that was added and whose signature does not count, or no more: its tools are not there."""

    name: str
    why: str

    def __str__(self) -> str:
        return f"{self.name}: {self.why}"


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool as it may be called."""

    name: str
    description: str
    schema: Mapping[str, Json]  #: JSON schema of the arguments, an object; not to be changed.
    risk: Risk  #: The greater of what the manifest declares and what the capabilities make of it.
    effect: Effect
    capabilities: Capabilities
    toolbox: Toolbox
    preview: bool = False  #: Whether it can say, in a dry run, what a call will do.
    check: str = ""  #: Of the effect CHECKABLE: the tool that says whether a call of it happened.
    tenants: frozenset[str] | None = None  #: Whose it is; None: everybody's.

    def is_for(self, tenant: str) -> bool:
        """Whether this tenant may know of it."""
        return self.tenants is None or tenant in self.tenants

    @property
    def files(self) -> tuple[str, ...]:
        """The arguments that name a file of the workspace: an approval is bound to what is in it."""
        properties = self.schema.get("properties", {})
        return tuple(name for name, each in properties.items() if each.get("format") == SCRATCH_PATH)


def effective_risk(declared: Risk, capabilities: Capabilities) -> Risk:
    """A tool that can change something is high risk whatever it says.

    A secret alone does not make it so: where a tool only reads, its secret goes with reading requests only,
    and only where the operator bound it to.
    """
    return Risk.HIGH if capabilities.writes else declared
