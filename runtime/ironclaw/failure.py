"""Why a tool call gave no result.

Apart from the rest of :mod:`ironclaw.task`, whose classes each sandbox worker would make at its start.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class FailureKind(Enum):
    """Why a tool call gave no result."""

    INVALID_INPUT = "invalid_input"  #: The tool says its arguments are wrong.
    DENIED = "denied"  #: The tool asked for something that it may not have.
    UNAVAILABLE = "unavailable"  #: Something the tool needs did not answer.
    INTERNAL = "internal"  #: The tool's own error.
    OUT_OF_FUEL = "out_of_fuel"  #: More computing than its limit.
    OUT_OF_MEMORY = "out_of_memory"  #: More memory than its limit.
    TIMEOUT = "timeout"  #: More seconds than its limit; its worker was killed.
    DISK_FULL = "disk_full"  #: The tenant's folder is full, or this call made it so and was ended.
    OUTPUT_TOO_LARGE = "output_too_large"  #: A longer result than its limit.
    TRAPPED = "trapped"  #: The guest did something that wasm or the host forbids.
    CRASHED = "crashed"  #: The worker process died.
    OUTSIDE_ENVELOPE = "outside_envelope"  #: It was about to do what its approved preview had not said.


@dataclass(frozen=True, slots=True)
class ToolFailure:
    """Why a call gave no result, in words that hold nothing of the host."""

    kind: FailureKind
    message: str
