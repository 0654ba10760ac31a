"""A clock that a test sets."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Clock:
    """
    :ivar at: unix seconds that it says
    """

    at: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.at
