"""Keeps one server connected: starts it, looks what it lists, starts it again when it ends."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

import structlog
from pydantic import ValidationError

from ironclaw.errors import BadRequest, IronclawError
from ironclaw.mcp.flow import Ended
from ironclaw.mcp.listing import Listing
from ironclaw.mcp.texts import plain

if TYPE_CHECKING:
    from ironclaw.mcp.session import Session

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0  #: Seconds between two tries to connect.
WELL_AFTER = 60.0  #: Seconds of a connection after which the next pause is short again.
LOOK_EVERY = 30.0  #: Seconds between two looks at what a server lists.
FIRST_WAIT = 50.0  #: Seconds that a call waits for the first try to connect, which may start a program.
WAIT = 15.0  #: Seconds that a call waits for a connection after it.
MAX_WORDS = 1000  #: Characters of an error of the package's that are told.
LEAST_BETWEEN = 1.0  #: Seconds between two looks that a server brings about.

log = structlog.get_logger(__name__)

#: Connects; given what to tell when it is over, and when the tools have changed.
Open = Callable[[Ended, Callable[[], None]], AbstractAsyncContextManager["Session"]]
Told = Callable[[Listing], Awaitable[None]]


class Link:
    """The connection to one server, whichever one it is at the moment."""

    def __init__(
        self, name: str, open_session: Open, hide: Callable[[str], str], told: Told, lost: Callable[[], None]
    ) -> None:
        """
        :param hide: takes secrets out of a text
        :param told: awaited with each listing, before anybody may call
        :param lost: called when a connection is over
        """
        self._name = name
        self._open, self._hide, self._told, self._lost = open_session, hide, told, lost
        self.why = "it is being connected"  #: Why it is not connected, for people.
        self.listing: Listing | None = None  #: What it listed last, while it is connected.
        self._session: Session | None = None
        self._ended = Ended()
        self._is_stale = asyncio.Event()
        self._is_ready = asyncio.Event()
        self.has_tried = asyncio.Event()  #: Set after the first try, however it ended.
        self._looking = asyncio.Lock()

    async def run(self) -> None:
        """For ever: connect, stay, and connect again."""
        pause = FIRST_PAUSE
        while True:
            began = time.monotonic()
            await self._once()
            self.has_tried.set()
            pause = FIRST_PAUSE if time.monotonic() - began > WELL_AFTER else pause
            log.warning("mcp_server_down", server=self._name, why=self.why, seconds=pause)
            self._lost()
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _once(self) -> None:
        """One connection from beginning to end; whatever it was, ``why`` says it."""
        self._ended = ended = Ended()
        try:
            async with self._open(ended, self._is_stale.set) as session:
                await self._look(session)
                self._session = session
                self._is_ready.set()
                self.has_tried.set()
                log.info("mcp_server_connected", server=self._name)
                await self._stay(session, ended)
        except Exception as error:  # noqa: BLE001 - the package raises what it likes, also groups
            ended.say(_said(error))
        finally:
            self._session = self.listing = None
            self._is_ready.clear()
            self.why = plain(self._hide(ended.why), 300) or "it ended"

    async def _stay(self, session: Session, ended: Ended) -> None:
        """Until it is over: look at what it lists now and then, and when it says that this has changed."""
        pause = LEAST_BETWEEN
        while not ended.is_so:
            waits = [asyncio.ensure_future(each) for each in (ended.wait(), self._is_stale.wait())]
            try:
                await asyncio.wait(waits, timeout=LOOK_EVERY, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for each in waits:
                    each.cancel()
            if not ended.is_so:
                was, is_told = self.listing, self._is_stale.is_set()
                is_same = await self._look(session) == was
                # Each look takes time, each change a line of every audit log: who changes all the time, or
                # says so, is looked at ever less.
                pause = LEAST_BETWEEN if is_same and not is_told else min(pause * 2, LONGEST_PAUSE)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(ended.wait(), pause)

    async def _look(self, session: Session) -> Listing:
        async with self._looking:
            self._is_stale.clear()
            tools = await session.tools()
            listing = await asyncio.to_thread(Listing.of, session.about, tools, self._hide)
            if listing != self.listing:
                await self._told(listing)
            self.listing = listing
            return listing

    @contextlib.asynccontextmanager
    async def session(self) -> AsyncIterator[tuple[Session, Listing]]:
        """The connection once there is one, and what is listed there now; a block that is cut off ends it.

        :raises IronclawError: what it lists cannot be used
        :raises Exception: whatever the connection raises; it is over then
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_WAIT):
                await self.has_tried.wait()
            async with asyncio.timeout(WAIT):
                await self._is_ready.wait()
        session, ended = self._session, self._ended
        if session is None:
            raise BadRequest(f"it is not connected: {self.why}")
        try:
            yield session, await self._look(session)
        except IronclawError:
            raise
        except (asyncio.CancelledError, TimeoutError):
            # Nobody knows what it is doing: what does not end in time is ended.
            self._end(ended, "a call did not end in time")
            raise

    def rest(self, why: str) -> None:
        """Say why nothing is tried for now."""
        self.why = why
        self.has_tried.set()

    @property
    def ended_because(self) -> str:
        """Why the connection is over that a call was just sent on; "" where nobody knows."""
        return plain(self._hide(self._ended.why), 300)

    def drop(self, why: str) -> None:
        """End this connection; another one follows."""
        self._end(self._ended, why)

    def _end(self, ended: Ended, why: str) -> None:
        """No other call begins on a connection that is over."""
        ended.say(why)
        if ended is self._ended:
            self._session = None
            self._is_ready.clear()


def _said(error: BaseException) -> str:
    """In a few words; of the package's own none that would have to be cut before secrets are taken out."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    if isinstance(error, IronclawError):
        return str(error)
    # Its text would be made of every fault, and there may be thousands.
    words = "" if isinstance(error, ValidationError) else str(error)
    more = f": {words}" if 0 < len(words) <= MAX_WORDS else ""
    return f"it does not speak the protocol as it should ({type(error).__name__}{more})"
