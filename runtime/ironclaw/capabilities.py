"""What one tool may touch.  Nothing declared means nothing granted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

#: In a toolbox's hosts: the hosts that the operator allows for the tenant (settings.http_allow).
TENANT_ALLOWLIST = "@allowlist"

SAFE_METHODS = frozenset({"GET", "HEAD"})


class Scratch(Enum):
    """What a tool may do with the tenant's folder."""

    NONE = "none"  #: No folder at all.
    READ = "read"  #: Files can be read.
    WRITE = "write"  #: Files can be read, written and removed.


@dataclass(frozen=True, slots=True)
class HttpRule:
    """One host that a tool may ask, exactly as named, with its methods and path prefixes."""

    host: str  #: Lower-case host name, or ``*.name`` for exactly one more label.
    methods: frozenset[str] = SAFE_METHODS
    path_prefixes: tuple[str, ...] = ("/",)  #: A part ``*`` is any one part.
    schemes: frozenset[str] = frozenset({"https"})
    ports: frozenset[int] = frozenset({443})
    is_exact: bool = False  #: Its prefixes are whole paths, and a ``*`` in them is a star.

    def is_within(self, other: HttpRule) -> bool:
        """Whether the other one surely covers all that this one covers: both as a manifest has them."""
        names = self.host == other.host and self.methods <= other.methods
        ways = self.schemes <= other.schemes and self.ports <= other.ports
        return names and ways and all(map(other._covers, self.path_prefixes))

    def _covers(self, prefix: str) -> bool:
        return any(_is_under(prefix, each) for each in self.path_prefixes)


def _is_under(prefix: str, other: str) -> bool:
    """Whether whatever a path prefix covers, the other covers too."""
    given, wanted = prefix.split("/"), other.removesuffix("/").split("/")
    is_long_enough = len(given) >= len(wanted) + other.endswith("/")
    return is_long_enough and all(w in ("*", g) for g, w in zip(given, wanted, strict=False))


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one call may use."""

    fuel: int = 2_000_000_000  #: wasmtime fuel units; about 7e9 a second on one core (measured).
    memory_mb: int = 256  #: Linear memory, in MiB.
    seconds: float = 10.0  #: Wall clock, host calls included.
    output_bytes: int = 256 * 1024  #: Bytes of the result's JSON text.

    def capped(self, most: Limits) -> Limits:
        """The smaller of each."""
        return Limits(
            fuel=min(self.fuel, most.fuel),
            memory_mb=min(self.memory_mb, most.memory_mb),
            seconds=min(self.seconds, most.seconds),
            output_bytes=min(self.output_bytes, most.output_bytes),
        )


@dataclass(frozen=True, slots=True)
class Room:
    """How many tasks may be at work or in the queue; what waits for people does not count."""

    of_tenant: int = 1_000
    of_all: int = 10_000


@dataclass(frozen=True, slots=True)
class Quota:
    """How much one tenant's scratch folder may hold, over all its tools and calls."""

    bytes: int = 512 << 20  #: Of files as long as they are or as much disk as they take, whichever is more.
    files: int = 10_000  #: Files and folders.


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What one tool may touch, and how much it may use."""

    scratch: Scratch = Scratch.NONE
    http: tuple[HttpRule, ...] = ()
    secrets: tuple[str, ...] = ()  #: Names; the values stay with the host.
    limits: Limits = Limits()
    server: str = ""  #: Of a tool that an MCP server carries out: which one and where, for people.

    @property
    def lines(self) -> tuple[str, ...]:
        """What it may touch, one line each, for people."""
        files = {Scratch.NONE: (), Scratch.READ: ("reads files",), Scratch.WRITE: ("writes files",)}
        hosts = (f"{', '.join(sorted(r.methods))} {r.host}{' '.join(r.path_prefixes)}" for r in self.http)
        server = (self.server,) if self.server else ()
        return (*server, *files[self.scratch], *hosts, *(f"secret {name}" for name in self.secrets))

    def is_within(self, other: Capabilities) -> bool:
        """Whether it touches nothing that the other may not.  How much they may use is another matter."""
        order = list(Scratch)
        files = order.index(self.scratch) <= order.index(other.scratch)
        hosts = all(any(rule.is_within(each) for each in other.http) for rule in self.http)
        return files and hosts and set(self.secrets) <= set(other.secrets) and self.server == other.server

    @property
    def writes(self) -> bool:
        """Whether a call can change something outside itself."""
        return self.scratch is Scratch.WRITE or any(rule.methods - SAFE_METHODS for rule in self.http)


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What a guest asks the host to send."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    secret: str | None = None


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """What the host gives back."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
