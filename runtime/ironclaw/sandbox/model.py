"""What the rest of the engine says to the sandbox, and what it must offer a running tool."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Protocol

from ironclaw.capabilities import Capabilities, HttpRequest, HttpResponse, Quota


class Profile(Enum):
    """What a component may import."""

    PURE = "pure"  #: The host's own functions and nothing else.
    SCRATCH = "scratch"  #: Also WASI 0.2 without http: files on one folder, clocks, random.


@dataclass(frozen=True, slots=True)
class Component:
    """One WebAssembly component, pinned by its digest."""

    path: Path
    sha256: str  #: Lower-case hex of the file's bytes; a file that differs is refused.
    profile: Profile


@dataclass(frozen=True, slots=True)
class Call:
    """One call of one tool for one tenant, as it will run."""

    component: Component
    tool: str
    input: str  #: JSON text.
    tenant: str
    scratch: Path  #: The tenant's folder; made (0700) where missing, shown only as capabilities.scratch says.
    capabilities: Capabilities
    quota: Quota = field(default_factory=Quota)  #: Of the tenant's folder.


class Host(Protocol):
    """What a running tool reaches outside its worker.  One object serves one call."""

    async def http(self, request: HttpRequest) -> HttpResponse:
        """Send a request that the tool asked for.

        :raises EgressDenied: its message is shown to the tool
        :raises EgressUnavailable: its message is shown to the tool
        """
        ...

    def log(self, level: str, message: str) -> None:
        """Keep one line of the tool's log: untrusted text, level debug, info, warn or error."""
        ...
