"""Turns what wasmtime or the tool itself says of a failed call into words that hold nothing of the host."""

from __future__ import annotations

from typing import Any

from ironclaw.failure import FailureKind, ToolFailure
from ironclaw.sandbox.caps import clip

_OUT_OF_FUEL = ToolFailure(FailureKind.OUT_OF_FUEL, "The tool used up its computing budget.")
_OUT_OF_MEMORY = ToolFailure(FailureKind.OUT_OF_MEMORY, "The tool used up its memory.")


def _trapped(message: str) -> ToolFailure:
    return ToolFailure(FailureKind.TRAPPED, message)


#: Found in wasmtime's text, in this order.
_SIGNS: tuple[tuple[str, ToolFailure], ...] = (
    ("all fuel consumed", _OUT_OF_FUEL),
    ("denied: sleep", _trapped("The tool tried to wait; tools cannot sleep.")),
    ("call stack exhausted", _trapped("The tool's recursion went too deep.")),
    ("exceeds memory limits", _OUT_OF_MEMORY),
    ("failed to allocate", _OUT_OF_MEMORY),
    ("out of memory", _OUT_OF_MEMORY),
    ("too much data", _trapped("The tool handed its host too much at once.")),
    ("host: ", _trapped("The tool asked its host for something impossible.")),
    ("unreachable", _trapped("The tool stopped itself after an error that it did not handle.")),
    ("with i32 exit status", _trapped("The tool ended itself.")),
)
_OTHERWISE = _trapped("The tool did something that WebAssembly forbids.")
FUEL_A_SECOND = 7e9  #: Of one core, measured.
_NEARLY = 0.9  #: Of the memory limit: a trap up there was most likely a failed allocation.

_DECLARED = {
    "invalid-input": FailureKind.INVALID_INPUT,
    "denied": FailureKind.DENIED,
    "unavailable": FailureKind.UNAVAILABLE,
    "internal": FailureKind.INTERNAL,
}


def trap_failure(text: str, memory: int, memory_cap: int, fuel_cap: int = 0) -> ToolFailure:
    """The failure behind a trap.

    :param text: wasmtime's, with host details in it
    :param memory: bytes that the call had at its end
    :param memory_cap: bytes that it could have
    :param fuel_cap: fuel that it could use; 0 when not known
    """
    failure = next((failure for sign, failure in _SIGNS if sign in text), _OTHERWISE)
    if failure is _OUT_OF_FUEL and fuel_cap:
        return _out_of_fuel(fuel_cap)
    is_full = memory >= memory_cap * _NEARLY
    return _OUT_OF_MEMORY if is_full and failure.kind is FailureKind.TRAPPED else failure


def _out_of_fuel(cap: int) -> ToolFailure:
    seconds = f"about {cap / FUEL_A_SECOND:.1f} s of computing"
    return ToolFailure(_OUT_OF_FUEL.kind, f"The tool used up its {cap:,} fuel, which is {seconds}.")


def declared_failure(value: Any) -> ToolFailure:
    """The failure that the tool itself gave: a Variant of the WIT's ``failure``."""
    message = clip(str(value.payload))
    if value.tag == "internal" and message.startswith("MemoryError"):
        return _OUT_OF_MEMORY
    return ToolFailure(_DECLARED[value.tag], message)
