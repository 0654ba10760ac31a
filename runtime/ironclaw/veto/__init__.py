"""The veto: one verdict, one decide(), one ticket.  Nothing runs but by it."""

from ironclaw.veto.binding import action, idem_key, new_id, tool_call
from ironclaw.veto.core import Veto
from ironclaw.veto.doubts import Doubts, check_meant
from ironclaw.veto.judging import BoundVerdict
from ironclaw.veto.reminding import Reminding
from ironclaw.veto.step_up import Links, StepUp, WordLink, WordLinks
from ironclaw.veto.tickets import Ticket

__all__ = [
    "BoundVerdict",
    "Doubts",
    "Links",
    "Reminding",
    "StepUp",
    "Ticket",
    "Veto",
    "WordLink",
    "WordLinks",
    "action",
    "check_meant",
    "idem_key",
    "new_id",
    "tool_call",
]
