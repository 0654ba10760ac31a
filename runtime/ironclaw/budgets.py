"""What one workflow, and one tenant in a day, may use before a sentence ends it."""

from __future__ import annotations

import math
from dataclasses import dataclass

MICROS = 1_000_000  #: In one of the money that the settings' prices are in.
DAY = 86_400.0  #: Seconds; a day begins at 00:00 UTC.


@dataclass(frozen=True, slots=True)
class Budgets:
    """Of one tenant's workflows."""

    steps: int
    tokens: int
    seconds: float  #: Working time; waiting for people is free.
    history_tokens: int  #: Of the thread's past that the brain sees.
    context_tokens: int = 128_000  #: That the model can read at once.
    output_tokens: int = 0  #: Of one turn; 0 where the model's server decides.
    result_bytes: int = 24 * 1024  #: Of one result that the brain sees whole.
    cost: int | None = None  #: Micros of one workflow; None for no limit.
    per_day: int | None = None  #: Micros of all the tenant's workflows in a day; None likewise.


def money(micros: int) -> str:
    """As people read it: cents, and what is less than that to the first figure that is not zero."""
    amount = micros / MICROS
    if amount >= 0.1 or not micros:
        return f"${amount:,.2f}"
    return f"${amount:.{2 - math.floor(math.log10(amount))}f}".rstrip("0")
