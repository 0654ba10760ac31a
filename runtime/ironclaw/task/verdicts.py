"""What the veto says of a call."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ironclaw.terms import Terms


class Verdict(Enum):
    """What the veto says of one call.  Later members are more severe."""

    ALLOW = "allow"  #: Run it.
    REVIEW = "review"  #: Ask a person first.
    CORRECT = "correct"  #: Not like this: the brain gets advice, and no person is bothered.
    DENY = "deny"  #: Never; no approval lifts it.

    @property
    def severity(self) -> int:
        return list(Verdict).index(self)


@dataclass(frozen=True, slots=True)
class Opinion:
    """One verdict with the rule behind it."""

    verdict: Verdict
    rule: str  #: The id of the rule, for logs and cards.
    reason: str = ""  #: One sentence for a person; of CORRECT, the advice for the brain.
    terms: Terms = Terms()  #: Of a REVIEW: what it asks of the people who decide.
