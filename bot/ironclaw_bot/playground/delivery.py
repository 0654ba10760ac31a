"""How the workspace reaches the bot: 3 s to acknowledge, events retried, interactions never."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ironclaw_bot.playground.hub import Hub
from ironclaw_bot.playground.world import Json


@dataclass(frozen=True, slots=True)
class Envelope:
    """One thing to deliver.

    :ivar kind: `events_api`, `slash_commands` or `interactive`: Socket Mode's words
    :ivar name: what it is about, such as `app_mention` or `block_actions`, for faults and the journal
    """

    kind: str
    name: str
    payload: Json
    retry_num: int = 0
    retry_reason: str = ""


@dataclass(frozen=True, slots=True)
class Ack:
    """What the bot answered.

    :ivar reason: why it counts as a failure, in Slack's words (`http_timeout`, ...); "" when it does not
    :ivar final: the bot asked for no retries
    """

    status: int
    body: Json = field(default_factory=dict)
    reason: str = ""
    final: bool = False
    ms: float = 0.0

    @property
    def ok(self) -> bool:
        return not self.reason


class Transport(Protocol):
    """HTTP or Socket Mode."""

    async def send(self, envelope: Envelope, fault: str) -> Ack:
        """One attempt; never raises, a failure is an `Ack` with a reason.

        :param fault: `bad_signature`, `stale` or ""
        """


class Courier:
    """Delivers envelopes and keeps the journal of every attempt."""

    def __init__(self, hub: Hub, transport: Transport, retry_delays: Sequence[float]) -> None:
        self._hub = hub
        self.transport = transport
        self._retry_delays = retry_delays
        self._tasks: set[asyncio.Task[None]] = set()

    def post_event(self, name: str, payload: Json) -> None:
        """Delivers in the background, with retries."""
        self._start(self._with_retries(Envelope("events_api", name, payload)))

    async def interact(self, envelope: Envelope) -> Ack:
        """One attempt and its answer: interactions are never redelivered."""
        entry = self._entry(envelope)
        return await self._attempt(envelope, entry)

    async def settle(self) -> None:
        """Waits until nothing is under way."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _entry(self, envelope: Envelope) -> Json:
        return self._hub.note(
            "delivery",
            kind=envelope.kind,
            name=envelope.name,
            payload=envelope.payload,
            attempts=[],
        )

    async def _with_retries(self, envelope: Envelope) -> None:
        entry = self._entry(envelope)
        ack = await self._attempt(envelope, entry)
        for number, delay in enumerate(self._retry_delays, start=1):
            if ack.ok or ack.final:
                return
            await self._hub.sleep(delay)
            again = Envelope(envelope.kind, envelope.name, envelope.payload, number, ack.reason)
            ack = await self._attempt(again, entry)

    async def _attempt(self, envelope: Envelope, entry: Json) -> Ack:
        fault = self._hub.faults.take("delivery", envelope.name, envelope.kind) or {"do": ""}
        if fault["do"] == "late":
            await self._hub.sleep(fault.get("seconds", 1.0))
        if fault["do"] == "drop":
            ack = Ack(0, reason="connection_failed")
        else:
            ack = await self.transport.send(envelope, fault["do"])
        self._record(entry, envelope, ack, fault["do"])
        if fault["do"] == "double":
            self._record(entry, envelope, await self.transport.send(envelope, ""), "double")
        return ack

    def _record(self, entry: Json, envelope: Envelope, ack: Ack, fault: str) -> None:
        entry["attempts"].append(
            {
                "retry_num": envelope.retry_num,
                "retry_reason": envelope.retry_reason,
                "status": ack.status,
                "reason": ack.reason,
                "ms": round(ack.ms, 1),
                "fault": fault,
            }
        )
        self._hub.feed.publish("delivery", name=envelope.name)
