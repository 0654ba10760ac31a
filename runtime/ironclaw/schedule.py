"""A task that begins by itself, again and again, as rows have it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ironclaw.task import Address, WorkflowView
from ironclaw.timing import Timing, in_zone


class ScheduleState(Enum):
    """Where one schedule stands."""

    ACTIVE = "active"  #: Begins its task at each slot.
    PAUSED = "paused"  #: Begins nothing until somebody resumes it.
    REMOVED = "removed"  #: Begins nothing any more, and is listed nowhere.


@dataclass(frozen=True, slots=True)
class Schedule:
    """What begins when, for whom, and where its answers go."""

    id: str
    tenant: str
    requester: str  #: Whoever made it: its tasks are theirs.
    text: str  #: The task.
    timing: Timing
    door: str  #: By which it was made, and by which policy judges what it does.
    reply_to: Address
    tools: tuple[str, ...] | None
    brain: str
    state: ScheduleState
    why: str  #: The sentence for which the host paused it; "" where nobody or a person did.
    created_at: float
    next_at: float  #: The slot that comes next, unix seconds; of a paused one, the slot that would have.
    last_at: float = 0.0  #: When it last began; 0 for never.
    missed: int = 0  #: Slots that came while nobody was there, in all.
    last: WorkflowView | None = None  #: What it began last.

    @property
    def next_words(self) -> str:
        """When it comes next, as the clocks of its zone show it; "" while it is paused."""
        return in_zone(self.next_at, self.timing.zone) if self.state is ScheduleState.ACTIVE else ""
