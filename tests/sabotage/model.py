"""What an edit is that breaks a promise."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Edit:
    """One place in one file: ``old`` stands there exactly once."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mutant:
    """One promise broken, and the tests that must notice."""

    number: int
    what: str
    edits: tuple[Edit, ...]
    tests: tuple[str, ...]
