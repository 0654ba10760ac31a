"""What every part of the playground shares: the world, its journal, the live feed, faults and rights."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ironclaw_bot.playground.seed import DEFAULT_EVENTS, DEFAULT_SCOPES
from ironclaw_bot.playground.world import Json, SlackError, World

TRIGGER_SECONDS = 3.0
RESPONSE_URL_SECONDS = 30 * 60.0
RESPONSE_URL_USES = 5
JOURNAL_LENGTH = 5000


class Feed:
    """Tells listeners that something changed; they read the state themselves."""

    def __init__(self) -> None:
        self._queues: set[asyncio.Queue[Json]] = set()

    def publish(self, kind: str, **details: Any) -> None:
        for queue in self._queues:
            queue.put_nowait({"kind": kind, **details})

    def listen(self) -> asyncio.Queue[Json]:
        queue: asyncio.Queue[Json] = asyncio.Queue()
        self._queues.add(queue)
        return queue

    def leave(self, queue: asyncio.Queue[Json]) -> None:
        self._queues.discard(queue)


class Faults:
    """Troubles ordered for the next calls or deliveries, used up in order.

    A fault: `{"on": "api" | "delivery", "match": method or kind or "*", "do": ..., "times": 1, ...}`.
    """

    API = ("ratelimited", "error500", "timeout", "lost_answer", "error")
    DELIVERY = ("drop", "double", "late", "bad_signature", "stale")

    def __init__(self) -> None:
        self._waiting: list[Json] = []

    def add(self, on: str, do: str, match: str = "*", times: int = 1, **details: Any) -> None:
        """
        :raises ValueError: for a fault that does not exist
        """
        if do not in {"api": self.API, "delivery": self.DELIVERY}.get(on, ()):
            raise ValueError(f"no such fault: {do!r} on {on!r}")
        self._waiting.append({"on": on, "do": do, "match": match, "times": times, **details})

    def take(self, on: str, *names: str) -> Json | None:
        """The next fault for this call or delivery, which uses it up."""
        for fault in self._waiting:
            if fault["on"] == on and fault["match"] in ("*", *names):
                fault["times"] -= 1
                if fault["times"] <= 0:
                    self._waiting.remove(fault)
                return fault
        return None

    def clear(self) -> None:
        self._waiting.clear()


@dataclass(slots=True)
class Trigger:
    """The right to open one modal for one person, for 3 s."""

    team: str
    user: str
    expires: float
    view_id: str = ""
    used: bool = False


@dataclass(slots=True)
class ResponseUrl:
    """The right to answer an interaction: 5 times in 30 minutes."""

    team: str
    channel: str
    user: str
    expires: float
    message_ts: str = ""
    thread_ts: str = ""
    left: int = RESPONSE_URL_USES


@dataclass(slots=True)
class Hub:
    """One playground's shared state.

    :ivar bot_tokens: bot token of each team id
    :ivar labels: by user id, a word that the page shows beside the person
    :ivar sleep: how a retry or a late delivery waits; tests pass one that does not
    :ivar trigger_seconds: for how long a trigger can open something; Slack gives three
    """

    world: World
    clock: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    bot_tokens: dict[str, str]
    app_token: str | None
    scopes: frozenset[str] = DEFAULT_SCOPES
    events: frozenset[str] = DEFAULT_EVENTS
    labels: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    feed: Feed = field(default_factory=Feed)
    faults: Faults = field(default_factory=Faults)
    journal: deque[Json] = field(default_factory=lambda: deque(maxlen=JOURNAL_LENGTH))
    triggers: dict[str, Trigger] = field(default_factory=dict)
    response_urls: dict[str, ResponseUrl] = field(default_factory=dict)
    written: int = 0
    trigger_seconds: float = TRIGGER_SECONDS

    def note(self, what: str, **details: Any) -> Json:
        """Adds an entry to the journal; the caller may go on filling it in."""
        self.written += 1
        entry = {"seq": self.written, "at": self.clock(), "what": what, **details}
        self.journal.append(entry)
        return entry

    def new_trigger(self, team: str, user: str, view_id: str = "") -> str:
        trigger_id = f"{secrets.randbelow(10**12)}.{secrets.randbelow(10**9)}.{secrets.token_hex(16)}"
        self.triggers[trigger_id] = Trigger(team, user, self.clock() + self.trigger_seconds, view_id)
        return trigger_id

    def use_trigger(self, trigger_id: str, team: str) -> Trigger:
        """
        :raises SlackError: invalid_trigger_id, exchanged_trigger_id or expired_trigger_id
        """
        trigger = self.triggers.get(trigger_id)
        if trigger is None or trigger.team != team:
            raise SlackError("invalid_trigger_id")
        if trigger.used:
            raise SlackError("exchanged_trigger_id")
        if self.clock() > trigger.expires:
            raise SlackError("expired_trigger_id")
        trigger.used = True
        return trigger

    def new_response_url(
        self, team: str, channel: str, user: str, message_ts: str = "", thread_ts: str = ""
    ) -> str:
        """The address at which the app may answer a click, for a while."""
        key = secrets.token_urlsafe(24)
        expires = self.clock() + RESPONSE_URL_SECONDS
        self.response_urls[key] = ResponseUrl(team, channel, user, expires, message_ts, thread_ts)
        return f"{self.url}/response/{team}/{key}"

    def use_response_url(self, team: str, key: str) -> ResponseUrl:
        """
        :raises SlackError: no_such_url, expired_url or used_url
        """
        right = self.response_urls.get(key)
        if right is None or right.team != team:
            raise SlackError("no_such_url")
        if self.clock() > right.expires:
            raise SlackError("expired_url")
        if right.left <= 0:
            raise SlackError("used_url")
        right.left -= 1
        return right

    def forget_rights(self) -> None:
        self.triggers.clear()
        self.response_urls.clear()
