"""What a brain is reminded of before its first step: found by the task's words, believed as far as sealed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from ironclaw.errors import IndexUnavailable
from ironclaw.memory import Memory, MemorySeals, place_of
from ironclaw.one_call import ONE_CALL
from ironclaw.recall import MemoryIndexes
from ironclaw.recollecting import MOST, recollections, within_budget
from ironclaw.store import Flow, Store
from ironclaw.task import CONTEXT_MARKER, Role
from ironclaw.tenancy import Tenancy

CANDIDATES = 100  #: Found by their words; most may be for others.
PATIENCE = 5.0  #: Seconds that a search may take before the task begins without it.
NO_INDEX = "No plugin here finds memories again."
TOO_SLOW = f"Nothing was found within {PATIENCE:.0f} s."
FAILED = "The search failed; the log says more."

log = structlog.get_logger(__name__)


class Recalling:
    """Searches in the name of whoever asks.  What is read is of the same tenant, for them, and sealed."""

    def __init__(
        self,
        store: Store,
        indexes: MemoryIndexes | None,
        tenancy: Tenancy,
        seals: MemorySeals,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._indexes = indexes
        self._tenancy = tenancy
        self._seals = seals
        self._clock = clock

    async def remind(self, flow: Flow) -> bool:
        """Before the first step, give a workflow its recollections, or note that there are none.

        :return: whether something was noted: then its rows are to be read anew
        :raises Conflict: another process has taken the workflow over
        """
        if flow.steps or flow.brain == ONE_CALL or not await self._store.memories.has_any(flow.tenant):
            return False  # The brain of one call reads nothing.
        if await self._store.recalls.of(flow.tenant, flow.id):
            return False
        found: tuple[Memory, ...] = ()
        problem = ""
        try:
            found = await self.search(
                flow.tenant, flow.requester, place_of(flow.door, flow.address), _asked(flow)
            )
        except IndexUnavailable as error:
            problem = str(error)
        await self._store.recalls.begin(flow, found, recollections, self._clock(), problem)
        return True

    async def search(self, tenant: str, principal: str, place: str, words: str) -> tuple[Memory, ...]:
        """The memories that fit best, as many as a brain is given.

        :param place: the channel that they ask in; "" for none
        :raises IndexUnavailable: nobody can search now; says why
        """
        ids = await self._ids(tenant, words)
        people = self._tenancy.identities(tenant, principal)

        def fits(memory: Memory) -> bool:
            return memory.is_for(people, place) and memory.is_live(self._clock()) and self.is_genuine(memory)

        return within_budget(await self._store.memories.first(tenant, ids, MOST, fits))

    def now(self) -> float:
        """Unix seconds, by the engine's clock."""
        return self._clock()

    def is_genuine(self, memory: Memory) -> bool:
        """Whether it is as this host has sealed it; if not, the log says so."""
        is_ours = self._seals.is_ours(memory)
        if not is_ours:
            log.error("memory_edited", tenant=memory.tenant, memory=memory.id)
        return is_ours

    async def _ids(self, tenant: str, words: str) -> tuple[str, ...]:
        """
        :raises IndexUnavailable: nobody can search now
        """
        if self._indexes is None:
            raise IndexUnavailable(NO_INDEX)
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._indexes.of(tenant).search(words, CANDIDATES)
        except TimeoutError:
            raise IndexUnavailable(TOO_SLOW) from None
        except IndexUnavailable:
            raise
        except Exception:  # A plugin's: whatever it is, the task goes on without.
            log.exception("memory_search_failed", tenant=tenant)
            raise IndexUnavailable(FAILED) from None


def _asked(flow: Flow) -> str:
    """The task, without what its caller gave along."""
    said = (each.text for each in flow.messages if each.role is Role.USER and not each.source)
    return next(said, "").split(CONTEXT_MARKER)[0]
