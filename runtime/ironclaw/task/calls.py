"""A tool call as it would run, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ironclaw.capabilities import Capabilities
from ironclaw.failure import ToolFailure
from ironclaw.terms import Circumstances


class Risk(Enum):
    """How bad a wrong call would be."""

    LOW = "low"  #: Runs at once under the shipped policy.
    HIGH = "high"  #: Waits for a person under the shipped policy.


class Effect(Enum):
    """What a crash in the middle of a call means."""

    PURE = "pure"  #: Nothing outside changes: run it again.
    KEYED = "keyed"  #: Doing it twice is doing it once, by an idempotency key or by its nature.
    CHECKABLE = "checkable"  #: The tool can be asked whether it happened.
    ONCE = "once"  #: Nobody can know: ask a person.


class CallState(Enum):
    """Where one tool call stands."""

    PROPOSED = "proposed"  #: The brain wants it; no verdict yet.
    DENIED = "denied"  #: Policy or a person said no.
    PENDING = "pending"  #: Waits for people.
    APPROVED = "approved"  #: May run; has not begun.
    EXPIRED = "expired"  #: Nobody decided in time; nothing was run.
    CANCELLED = "cancelled"  #: The workflow was stopped; nothing was run.
    SUPERSEDED = "superseded"  #: A changed version took its place; nothing was run.
    EXECUTING = "executing"  #: Its ticket is spent; the sandbox has it.
    SUCCEEDED = "succeeded"  #: It ran and gave a result.
    FAILED = "failed"  #: It ran and failed, in a typed way.
    IN_DOUBT = "in_doubt"  #: A crash hid whether it ran; a person must say.


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call as it would run: what policy judges, people approve and the sandbox gets."""

    tenant: str
    requester: str
    workflow_id: str
    seq: int  #: Position in the workflow, from 1.
    tool: str
    args: str  #: Canonical (RFC 8785) JSON text with the schema's defaults filled in.
    risk: Risk
    effect: Effect
    capabilities: Capabilities
    component_sha256: str
    manifest_sha256: str
    door: str  #: Where the task came from: "slack", "http", "cli" or "mcp".
    circumstances: Circumstances = Circumstances()


@dataclass(frozen=True, slots=True)
class Usage:
    """What one call used."""

    fuel: int | None = None  #: wasmtime units; None where a kill left no honest figure.
    memory_bytes: int = 0  #: Linear memory at the end of the call.
    seconds: float = 0.0  #: Wall clock.
    bytes_in: int = 0  #: Of the input's JSON text.
    bytes_out: int = 0  #: Of the output's JSON text.


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What came of one call: an output or a failure, never both."""

    output: str | None = None  #: JSON text, untrusted.
    failure: ToolFailure | None = None
    usage: Usage = Usage()
