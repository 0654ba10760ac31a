"""One client's calls: each is one workflow, however often it is asked for, and waited for within bounds."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import anyio

from ironclaw.canonical import canonical_text, digest
from ironclaw.errors import IronclawError, QueueFull, TryLater
from ironclaw.registry import parse_arguments
from ironclaw.task import Json
from ironclaw_bot.local import Away

MOST_CALLS = 16  #: At once.
MOST_KEPT = 1_000  #: Calls whose end the client was not told yet.
PART = 5.0  #: Seconds between words to a client that waits.
AGAIN = 0.5  #: Seconds until a bot that does not answer is asked again.
LAST_WORDS = 5.0  #: Seconds that taking a call back may take.
BUSY = f"{MOST_CALLS} calls are under way, which is the most. Ask again when one has ended."
AWAY = (
    "IronClaw does not answer just now. What it accepted is not lost: ask for the same again, and it goes on."
)

Tell = Callable[[float, str], Awaitable[None]]  #: Given the seconds waited so far, and a sentence.


class Door(Protocol):
    """The local door, of a bot that runs or of an engine of our own."""

    async def ask(self, method: str, **words: Any) -> Json:
        """:raises IronclawError: as the door raises it"""
        ...


@dataclass(slots=True)
class Asked:
    """One call, until its end was told."""

    delivery: str  #: Given again, it is the same workflow.
    workflow: str = ""  #: "" until the engine has it.
    followers: int = 0  #: Requests that wait for it now.
    was_told: bool = False  #: The client knows that it waits: it is not taken back any more.


@dataclass(slots=True)
class Session:
    """What one client has asked for in one tenant.

    :ivar wait: seconds that a request is held
    """

    door: Door
    tenant: str
    wait: float
    _asked: dict[str, Asked] = field(default_factory=dict)
    _under_way: int = 0

    async def tools(self) -> list[Json]:
        """
        :raises IronclawError: nobody can say
        """
        return list(await self._ask({"verb": "tools"}, _now()))

    async def call(self, tool: str, arguments: Json, key: str, tell: Tell) -> Json:
        """Have a call made, or go on waiting for it where it was asked for before.

        :param key: the client's own name for it; "" for none: then equal calls are one until its end was told
        :raises IronclawError: nothing was asked for, and why
        """
        with self._turn():
            asked = self._known(tool, arguments, key)
            words = {"verb": "call", "tool": tool, "arguments": arguments, "delivery": asked.delivery}
            return await self._followed(asked, words, tell)

    async def result(self, workflow: str, tell: Tell) -> Json:
        """How an earlier call stands, of whichever session.

        :raises NotFound: this person has made no such call in this tenant
        """
        known = (each for each in self._asked.values() if each.workflow == workflow)
        asked = next(known, None) or Asked("", workflow, was_told=True)
        with self._turn():
            return await self._followed(asked, _following(workflow, 0), tell)

    def _known(self, tool: str, arguments: Json, key: str) -> Asked:
        """
        :raises BadRequest: the arguments are too long, or not such as have one meaning
        """
        args = parse_arguments(canonical_text(arguments))
        same = digest(["key", key]) if key else digest([tool, args])
        if same not in self._asked and len(self._asked) >= MOST_KEPT:
            self._forget(next(each for each in self._asked.values() if not each.followers))
        return self._asked.setdefault(same, Asked(f"key:{key}" if key else uuid.uuid4().hex))

    async def _followed(self, asked: Asked, words: Json, tell: Tell) -> Json:
        asked.followers += 1
        try:
            found = await self._until(asked, words, tell)
        except asyncio.CancelledError:
            with anyio.CancelScope(shield=True):
                await self._take_back(asked)
            raise
        except TryLater:
            raise  # It may have been accepted: who asks again asks for the same one.
        except Exception:
            self._forget(asked)
            raise
        finally:
            asked.followers -= 1
        asked.was_told = True
        if found["is_final"]:
            self._forget(asked)
        return found

    async def _until(self, asked: Asked, words: Json, tell: Tell) -> Json:
        """How it stands when it has ended, or when the client has waited long enough."""
        began = _now()
        until = began + self.wait
        while True:
            found = await self._ask(words, until)
            asked.workflow = found["workflow"]
            left = until - _now()
            if found["is_final"] or left <= 0:
                return found
            await tell(_now() - began, _word(found))
            words = _following(asked.workflow, min(PART, left), found["waits_for"])

    async def _ask(self, words: Json, until: float) -> Json:
        """Ask the door; of a bot that is away, or about to be, until then."""
        while True:
            try:
                # Whoever is cancelled meanwhile must know what there is to take back.
                with anyio.CancelScope(shield=words["verb"] == "call"):
                    return await self.door.ask("mcp", tenant=self.tenant, **words)
            except Away:
                late = TryLater(AWAY)
            except TryLater as error:
                late = error
            if _now() >= until:
                raise late
            await asyncio.sleep(AGAIN)

    async def _take_back(self, asked: Asked) -> None:
        """Nobody waits for it any more: what only waits is cancelled, where nobody was told to ask later."""
        if asked.followers > 1 or asked.was_told or not asked.workflow:
            return
        self._forget(asked)
        with anyio.move_on_after(LAST_WORDS), contextlib.suppress(IronclawError):
            await self._ask({"verb": "cancel", "workflow": asked.workflow}, _now())

    def _forget(self, asked: Asked) -> None:
        self._asked = {same: each for same, each in self._asked.items() if each is not asked}

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        """
        :raises QueueFull: as many calls are under way as may be
        """
        if self._under_way >= MOST_CALLS:
            raise QueueFull(BUSY)
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1


def _following(workflow: str, seconds: float, seen: str = "") -> Json:
    """
    :param seen: what it waited for when it was looked at last: who waits is told of anything else at once
    """
    return {"verb": "follow", "workflow": workflow, "seconds": seconds, "seen": seen}


def _word(found: Json) -> str:
    if found["approval"]:
        return f"waiting for approval (id {found['approval']})"
    return (
        f"waiting for a person to say whether it ran (id {found['doubt']})" if found["doubt"] else "at work"
    )


def _now() -> float:
    return time.monotonic()
