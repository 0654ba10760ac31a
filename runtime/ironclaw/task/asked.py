"""What was asked, and where the answer goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ironclaw.canonical import Json


@dataclass(frozen=True, slots=True)
class Address:
    """Where a workflow speaks.  The engine only carries it; a door knows what it means."""

    door: str  #: "slack", "http", "cli" or "mcp".
    place: Mapping[str, str] = field(default_factory=dict)  #: Slack: channel, thread_ts, message_ts, user.


@dataclass(frozen=True, slots=True)
class Task:
    """What was asked, by whom, and where the answer goes."""

    tenant: str
    requester: str  #: A Principal's id.
    text: str
    reply_to: Address
    thread: str = ""  #: Conversation key within the tenant; earlier messages of it are context.
    tools: tuple[str, ...] | None = None  #: Only these tools may be planned with; None = all.
    brain: str = ""  #: Which brain plans; "" = the one of the settings.
    context: Mapping[str, Json] = field(default_factory=dict)  #: Untrusted extra data of the caller.
    #: (source, event id) of the delivery that caused it: the same pair is one workflow.
    delivery: tuple[str, str] | None = None
    door: str = ""  #: Where it came in, by which policy judges; "" for where its answer goes.
    schedule_id: str = ""  #: The schedule that began it; "" where a person did.
    retry_of: str = ""  #: The workflow that it repeats; "" for none.
    #: Its door first shows what was asked, for the rest to stand under: see :attr:`NoticeKind.OPENING`.
    opens_thread: bool = False

    @property
    def came_by(self) -> str:
        """The door that it came in by."""
        return self.door or self.reply_to.door
