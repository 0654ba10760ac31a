"""What a model is writing, shown while it writes.  Nothing depends on it: what counts is said by the outbox.

A draft replaces the line that says how the workflow stands, and the next such line replaces the draft: so a
crash leaves nothing that stays, and an answer is never there twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from typing import Any

import structlog

from ironclaw.store import Flow, Store
from ironclaw.store.telling import ANSWERS_WHEN_ASKED
from ironclaw.task import Draft, Drafter

HELD = 200  #: Characters that are not shown yet: they may be the beginning of a secret.
MAX_DRAFT = 20_000  #: Characters that are looked at; of a longer one the rest comes with the answer.
LAST = 2.0  #: Seconds that a turn's end waits for a draft that is on its way.
_RUN = re.compile(r"\S*\Z")
_BLOCK = re.compile(r"-{2,5} ?BEGIN [^\n]*\n?(?:(?!-{2,5} ?END )[\s\S])*\Z")
log = structlog.get_logger(__name__)


class Drafts:
    """Tells the doors that show drafts."""

    def __init__(self, store: Store, redact: Callable[[str, str], str]) -> None:
        """
        :param redact: takes secrets out of a tenant's text
        """
        self._outbox = store.outbox
        self._redact = redact
        self._drafters: dict[str, Drafter] = {}
        #: By door and tenant: when the next one may go, by time.monotonic().
        self._free_at: dict[tuple[str, str], float] = {}

    def speak(self, door: str, sender: object) -> None:
        """From now on, drafts for ``door`` go through ``sender``, if it shows any."""
        if isinstance(sender, Drafter):
            self._drafters[door] = sender

    @contextlib.asynccontextmanager
    async def of(self, flow: Flow) -> AsyncIterator[Callable[[str], None]]:
        """What a brain tells its text to during one turn; when the block ends no draft is on its way."""
        drafter = self._drafters.get(flow.address.door)
        if drafter is None:
            yield _unheard
            return
        turn = _Turn(lambda: self._room(flow, drafter), lambda text: self._show(flow, drafter, text))
        try:
            yield turn.say
        finally:
            await turn.close()

    async def _show(self, flow: Flow, drafter: Drafter, text: str) -> bool:
        """Show what may be seen of a text, where the workflow's line stands.

        :return: False where that is not there yet
        """
        seen = held_back(self._redact(flow.tenant, text[:MAX_DRAFT]))
        ref = await self._spot(flow) if seen else None
        if ref is not None:
            draft = Draft(flow.tenant, flow.id, flow.address, ref, seen)
            await _to_its_end(drafter.draft(draft))
        return ref is not None or not seen

    async def _spot(self, flow: Flow) -> Mapping[str, str] | None:
        """Where a draft is to stand; None where that is not there yet."""
        if flow.address.door in ANSWERS_WHEN_ASKED:
            return {}
        return await self._outbox.draft_spot(flow)

    async def _room(self, flow: Flow, drafter: Drafter) -> None:
        """Return when this tenant's next draft may go: a door takes only so many."""
        lane = (flow.address.door, flow.tenant)
        # Another turn of the tenant's may be first, however often.
        while (wait := self._free_at.get(lane, 0.0) - time.monotonic()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(wait)
        self._free_at[lane] = time.monotonic() + drafter.pace


class _Turn:
    """The newest text of one turn on its way to a door: older ones that nobody has seen are left out."""

    def __init__(self, room: Callable[[], Awaitable[None]], show: Callable[[str], Awaitable[bool]]) -> None:
        self._room = room
        self._show = show
        self._latest = ""
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def say(self, text: str) -> None:
        self._latest = text
        self._news.set()
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Nothing more is told, and nothing is on its way: the next line is not overtaken."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        """Until the turn ends, or the door does not take it."""
        try:
            while True:
                await self._news.wait()
                await self._room()
                self._news.clear()
                if not await self._show(self._latest):
                    self._news.set()
        except Exception as error:  # noqa: BLE001 - whatever a door makes of it: the answer comes without
            log.info("draft_not_shown", error=type(error).__name__)


async def _to_its_end(telling: Coroutine[Any, Any, None]) -> None:
    """Also when the turn ends meanwhile: what the other side has half of it may show after what follows."""
    task = asyncio.create_task(telling)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        _, late = await asyncio.wait([task], timeout=LAST)
        for each in late:
            each.cancel()
        raise


def held_back(text: str) -> str:
    """What may be seen of a text that still grows: no beginning of what might be a secret once it is whole.

    :param text: so far, without the secrets that are whole
    """
    if block := _BLOCK.search(text):
        text = text[: block.start()]
    shown = text[: max(0, len(text) - HELD)]
    cut = len(shown) < len(text) and not text[len(shown)].isspace()
    found = _RUN.search(shown) if cut else None
    return (shown[: found.start()] if found else shown).rstrip()


def _unheard(text: str) -> None:
    """Nobody listens."""
