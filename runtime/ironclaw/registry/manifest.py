"""Reads ``toolbox.toml``: every key known, every value in bounds, nothing granted that is not written."""

from __future__ import annotations

import tomllib
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from ironclaw.capabilities import TENANT_ALLOWLIST, Capabilities, HttpRule, Limits, Scratch
from ironclaw.errors import ToolboxError
from ironclaw.registry.explaining import explained
from ironclaw.registry.model import effective_risk
from ironclaw.registry.schemas import schema_fault
from ironclaw.task import Effect, Risk

# These are matched by pydantic's own engine, in which $ is the very end of the text and a-z is ASCII.
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
ToolName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}\.[a-z][a-z0-9_]{0,31}$")]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
HostPattern = Annotated[
    str,
    StringConstraints(
        pattern=r"^(@allowlist|(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9])$",
        max_length=253,
    ),
]
PathPrefix = Annotated[
    str, StringConstraints(pattern=r"^(/(\*|[A-Za-z0-9_~@:+.-]+))*/?$", min_length=1, max_length=512)
]
Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
Port = Annotated[int, Field(ge=1, le=65535)]


DEFAULTS = Limits()


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class LimitsTable(_Table):
    """``limits``: what it leaves out has the default of :class:`Limits`."""

    fuel: int = Field(DEFAULTS.fuel, ge=1, le=10**12)
    memory_mb: int = Field(DEFAULTS.memory_mb, ge=1, le=512)
    seconds: float = Field(DEFAULTS.seconds, gt=0, le=600)
    output_bytes: int = Field(DEFAULTS.output_bytes, ge=1, le=2 << 20)


class HttpTable(_Table):
    """One entry of ``http``."""

    host: HostPattern
    methods: list[Method] = Field(["GET", "HEAD"], min_length=1)
    paths: list[PathPrefix] = Field(["/"], min_length=1)
    ports: list[Port] = Field([443], min_length=1)

    @field_validator("paths")
    @classmethod
    def _no_dots(cls, paths: list[str]) -> list[str]:
        if any(part in (".", "..") for path in paths for part in path.split("/")):
            raise ValueError("a path prefix has no . or .. in it")
        return paths

    @model_validator(mode="after")
    def _operator_says_ports(self) -> HttpTable:
        if self.host == TENANT_ALLOWLIST and "ports" in self.model_fields_set:
            raise ValueError(f"the ports of {TENANT_ALLOWLIST} are the operator's to say")
        return self

    def rule(self) -> HttpRule:
        return HttpRule(self.host, frozenset(self.methods), tuple(self.paths), ports=frozenset(self.ports))


class ToolTable(_Table):
    """``[tools."family.verb"]``"""

    description: str = Field(min_length=1, max_length=1000)
    risk: Risk = Field(Risk.HIGH, strict=False)
    effect: Effect = Field(Effect.ONCE, strict=False)
    scratch: Scratch = Field(Scratch.NONE, strict=False)
    http: list[HttpTable] = []
    secrets: list[Name] = []
    preview: bool = False
    check: ToolName | Literal[""] = ""
    limits: LimitsTable = LimitsTable()
    arguments: dict[str, Any] = Field(alias="schema")

    @field_validator("description")
    @classmethod
    def _one_line(cls, text: str) -> str:
        if not text.isprintable():
            raise ValueError("a description is one line of printable text")
        return text

    @field_validator("arguments")
    @classmethod
    def _usable(cls, schema: dict[str, Any]) -> dict[str, Any]:
        if fault := schema_fault(schema):
            raise ValueError(fault)
        return schema

    def capabilities(self) -> Capabilities:
        return Capabilities(
            scratch=self.scratch,
            http=tuple(entry.rule() for entry in self.http),
            secrets=tuple(self.secrets),
            limits=Limits(**self.limits.model_dump()),
        )


class Manifest(_Table):
    """The whole of ``toolbox.toml``, as the build stamps it."""

    name: Name
    version: Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z.+-]{1,64}$")]
    profile: Literal["pure", "scratch"] = "pure"
    component: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}\.wasm$")]
    sha256: Digest
    source: str = Field("", max_length=128)  #: The build's own note of what it was built from.
    tools: dict[ToolName, ToolTable] = Field(min_length=1)

    @model_validator(mode="after")
    def _pure_has_no_files(self) -> Manifest:
        having = [name for name, tool in self.tools.items() if tool.scratch is not Scratch.NONE]
        if self.profile == "pure" and having:
            raise ValueError(f'scratch of {", ".join(having)} needs the line: profile = "scratch"')
        return self

    @model_validator(mode="after")
    def _checks_fit(self) -> Manifest:
        for name, tool in self.tools.items():
            if fault := self._check_fault(tool):
                raise ValueError(f"tools.{name}: {fault}")
        return self

    def _check_fault(self, tool: ToolTable) -> str:
        """What is wrong with what a tool says of its check; "" for nothing."""
        if tool.effect is not Effect.CHECKABLE:
            return 'check goes with effect = "checkable" only' if tool.check else ""
        if not tool.check:
            return 'effect = "checkable" needs check = "...": the tool that says whether a call happened'
        check = self.tools.get(tool.check)
        if check is None:
            return f"check: this toolbox has no tool {tool.check}"
        risk = effective_risk(check.risk, check.capabilities())
        if (check.effect, risk) != (Effect.PURE, Risk.LOW):
            return f'check: {tool.check} must have effect = "pure" and risk = "low"'
        is_within = check.capabilities().is_within(tool.capabilities())
        return "" if is_within else f"check: {tool.check} may touch what the tool itself may not"


def parse_manifest(content: bytes, shown: str) -> Manifest:
    """The manifest in these bytes.

    :param shown: the file's name for messages
    :raises ToolboxError: names the file, the field and what is wrong with it
    """
    try:
        return Manifest.model_validate(tomllib.loads(content.decode("utf-8")))
    except ValidationError as error:
        raise ToolboxError(
            "\n".join(f"{shown}: {explained(problem, Manifest)}" for problem in error.errors()[:10])
        ) from None
    except (ValueError, RecursionError) as error:
        raise ToolboxError(f"{shown}: cannot be read as TOML: {error}") from None
