"""Turns what wasmtime says of an ended guest into a failure that holds nothing of the host."""

from __future__ import annotations

from typing import Any

from ironclaw.sandbox.caps import clip
from ironclaw.task import FailureKind

Failure = tuple[FailureKind, str]

#: Found in wasmtime's text, in this order.
_SIGNS: tuple[tuple[str, FailureKind, str], ...] = (
    ("all fuel consumed", FailureKind.OUT_OF_FUEL, "The tool used up its computing budget."),
    ("denied: sleep", FailureKind.TRAPPED, "The tool tried to wait; tools cannot sleep."),
    ("call stack exhausted", FailureKind.TRAPPED, "The tool's recursion went too deep."),
    ("exceeds memory limits", FailureKind.OUT_OF_MEMORY, "The tool used up its memory."),
    ("failed to allocate", FailureKind.OUT_OF_MEMORY, "The tool used up its memory."),
    ("out of memory", FailureKind.OUT_OF_MEMORY, "The tool used up its memory."),
    ("too much data", FailureKind.TRAPPED, "The tool handed its host too much at once."),
    ("host: ", FailureKind.TRAPPED, "The tool asked its host for something impossible."),
    ("unreachable", FailureKind.TRAPPED, "The tool stopped itself after an error that it did not handle."),
    ("with i32 exit status", FailureKind.TRAPPED, "The tool ended itself."),
)
_OTHERWISE = (FailureKind.TRAPPED, "The tool did something that WebAssembly forbids.")
_NEARLY = 0.9  #: Of the memory limit: a trap up there was most likely a failed allocation.

_DECLARED = {
    "invalid-input": FailureKind.INVALID_INPUT,
    "denied": FailureKind.DENIED,
    "unavailable": FailureKind.UNAVAILABLE,
    "internal": FailureKind.INTERNAL,
}


def trap_failure(text: str, memory: int, memory_cap: int) -> Failure:
    """The failure behind a trap.

    :param text: wasmtime's, with host details in it
    :param memory: bytes that the call had at its end
    :param memory_cap: bytes that it could have
    """
    kind, message = next(((kind, said) for sign, kind, said in _SIGNS if sign in text), _OTHERWISE)
    if kind is FailureKind.TRAPPED and memory >= memory_cap * _NEARLY:
        return FailureKind.OUT_OF_MEMORY, "The tool used up its memory."
    return kind, message


def declared_failure(value: Any) -> Failure:
    """The failure that the tool itself gave: a Variant of the WIT's ``failure``."""
    message = clip(str(value.payload))
    if value.tag == "internal" and message.startswith("MemoryError"):
        return FailureKind.OUT_OF_MEMORY, "The tool used up its memory."
    return _DECLARED[value.tag], message
