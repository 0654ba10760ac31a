"""One line of what the doctor says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str  #: What is the case: the good or the bad.
    is_well: bool = True
    remedy: str = ""
    is_fatal: bool = False  #: The bot will not start, or would not be safe.

    @property
    def mark(self) -> str:
        if self.is_well:
            return "ok  "
        return "FAIL" if self.is_fatal else "note"

    def __str__(self) -> str:
        return f"{self.mark} {self.what}" + (f"\n     {self.remedy}" if self.remedy else "")


def broken(what: str, remedy: str = "") -> Finding:
    """Something that keeps the bot from starting, or from being safe."""
    return Finding(what, False, remedy, True)


def noted(what: str, remedy: str = "") -> Finding:
    """Something to know of."""
    return Finding(what, False, remedy)
