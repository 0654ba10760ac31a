"""Named points at the boundaries of a workflow's way, where a test can have the process killed.

``IRONCLAW_FAILPOINT=NAME`` kills this process with SIGKILL when it first reaches that point, and ``NAME:3``
when it does so for the third time.  Without it a point costs one comparison.
"""

from __future__ import annotations

import os
import signal
from enum import Enum


class Point(Enum):
    """Each boundary, in the order of the flow."""

    RECEIVED = "received"  #: A door has verified a task; nothing of it is durable.
    INBOX_COMMITTED = "inbox_committed"  #: Delivery and workflow are durable; nobody was told.
    PLANNED = "planned"  #: The brain has said what it wants; nothing of it is durable.
    PROPOSED = "proposed"  #: Each call has its verdict; none is durable.
    VERDICT_WRITTEN = "verdict_written"  #: Calls and verdicts are durable, and with them the cards' rows.
    PAUSED = "paused"  #: The workflow waits for people, durably.
    CARD_POSTED = "card_posted"  #: The door has shown a card; that it did is not durable.
    CLICK_COMMITTED = "click_committed"  #: A decision is durable; the workflow was not woken.
    TICKET_MINTED = "ticket_minted"  #: The last gate is passed and the call is executing, durably.
    SANDBOX_CALLED = "sandbox_called"  #: The guest runs; nothing outside has changed.
    EFFECT_BEGUN = "effect_begun"  #: That the next byte changes something is durable; it has not left.
    EFFECT_DONE = "effect_done"  #: Something outside has changed; the result is not durable.
    RESULT_WRITTEN = "result_written"  #: The result is durable; the brain has not seen it.
    OUTBOX_SENT = "outbox_sent"  #: The door has told something; that it did is not durable.
    FINISHED = "finished"  #: The workflow has ended, durably; its answer was not told.
    ANSWER_SENT = "answer_sent"  #: The door has given the answer; that it did is not durable.


# Taken out: it is no setting, and a process that this one starts must not die of it.
_name, _, _count = os.environ.pop("IRONCLAW_FAILPOINT", "").partition(":")
_left = int(_count or 1)


def reached(point: Point) -> None:
    """Die here, where this process was started to."""
    global _left
    if point.value != _name:
        return
    _left -= 1
    if _left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
