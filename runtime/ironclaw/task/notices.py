"""What a door has to tell, and how it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, runtime_checkable

from ironclaw.canonical import Json
from ironclaw.task.asked import Address


class NoticeKind(Enum):
    """What a door has to tell."""

    #: How it stands; body {"text", "is_last"}; a last one only updates what was shown.  While an approver is
    #: waited for, "asked_by" is there: a door may say whom else it can be.
    STATUS = "status"
    CARD = "card"  #: Approvals ask, or a state changed; body {"card"}: draw it from the rows.
    ANSWER = "answer"  #: Done; body {"text"}, model-made and untrusted.
    #: Failed or cancelled; body {"text", "by"}: of what a brain told, the text is untrusted; "by" is the
    #: principal who denied the last call, "" where nobody did.
    FAILURE = "failure"
    REMINDER = "reminder"  #: What still waits, shortly before it expires; body {"card"} or {"question"}.
    REFUSAL = "refusal"  #: A task that was never accepted; body {"text"}, ours.
    #: A task begins where no message of a person's stands; body {"text": the task, "by": its requester}
    #: and, where it began by itself, "missed": runs that never were.  What has ``under`` in its
    #: place stands under this one, whose subject that is.
    OPENING = "opening"
    DOUBT = "doubt"  #: Whether a call ran is asked, or was said; body {"doubt"}: draw it from the rows.
    QUESTION = "question"  #: The brain asks, or has its answer; body {"question"}: draw it from the rows.


@dataclass(frozen=True, slots=True)
class Notice:
    """One row of the outbox: something a person must come to see."""

    id: int
    tenant: str
    workflow_id: str
    subject: str  #: Notices of one subject show the same thing, newer over older.
    kind: NoticeKind
    address: Address
    body: Mapping[str, Json]
    ref: (
        Mapping[str, str] | None
    )  #: What the door returned for this subject before: update it, do not post again.
    attempts: int = 0
    #: Unix seconds since which one of this subject may stand there, though nobody noted where; 0: none does.
    tried_at: float = 0.0
    #: Of time.monotonic(), from when on another process may tell it: post nothing after that.
    until: float = float("inf")

    @property
    def is_uncertain(self) -> bool:
        """Whether it may stand there already: look before anything new is posted."""
        return self.tried_at > 0 and not self.ref


class Sender(Protocol):
    """How a door tells.  After a crash the same notice comes again, and says that it is uncertain."""

    async def send(self, notice: Notice) -> Mapping[str, str] | None:
        """:return: a ref for later updates of the subject, such as {"channel", "ts"}

        :raises TryLater: the other side asked for a pause, or cannot be asked
        """
        ...


@dataclass(frozen=True, slots=True)
class Draft:
    """What a model is writing, as far as it may be seen: it may still change, and nothing depends on it."""

    tenant: str
    workflow_id: str
    address: Address
    ref: Mapping[str, str]  #: Where the workflow's status stands, in whose place it is shown.
    text: str  #: The whole of it so far; untrusted, without secrets.


@runtime_checkable
class Drafter(Protocol):
    """A Sender that also shows drafts."""

    pace: float  #: Seconds between two drafts of one tenant, at least.

    async def draft(self, draft: Draft) -> None:
        """Show it.  If it raises, this turn has no more drafts, and nothing else comes of it."""
        ...
