"""Where a secret may go: one host, some methods, one path prefix, one header."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True)
class Binding:
    """Where one secret may be sent, and as what.  Made by :func:`ironclaw.egress.bind`, which checks it."""

    host: str  #: ``api.example.com``, ``api.example.com:8443``, or ``http://localhost:9999`` for development.
    methods: tuple[str, ...]  #: Sorted.
    path: str  #: A canonical prefix: ``/v1`` covers /v1 and /v1/x.
    header: str  #: Which carries it, such as ``Authorization``.
    prefix: str  #: What stands before it there, such as ``"Bearer "``.

    def as_json(self) -> dict[str, str | list[str]]:
        """For the audit, the command line, and what a sealed value is bound to."""
        return {**asdict(self), "methods": list(self.methods)}

    def __str__(self) -> str:
        return f"{','.join(self.methods)} {self.host}{self.path} as {self.header}: {self.prefix}..."


@dataclass(frozen=True, slots=True)
class Injection:
    """A secret on its way into one request; its value is in no text made of it."""

    name: str
    binding: Binding
    value: str = field(repr=False)
