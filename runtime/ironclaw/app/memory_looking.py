"""What people see of memories: their own, and as approvers their tenant's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from ironclaw.app.memory_index import MemoryIndexing
from ironclaw.errors import NotFound, Refused
from ironclaw.memorable import oddities
from ironclaw.memory import Memory, MemorySeals
from ironclaw.store import Store
from ironclaw.store.memories import Receipt
from ironclaw.store.recalls import Recall
from ironclaw.task import Principal
from ironclaw.tenancy import Tenancy

NONE = "There is no such memory."

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Shown:
    """A memory as people see it."""

    memory: Memory
    is_genuine: bool  #: False: its row is not as this host wrote it, and no run is reminded of it.
    is_live: bool
    oddities: tuple[str, ...]  #: What a reader should know of its text.


class Looking:
    """One's own for each person; the tenant's for its approvers; nobody else's for anybody."""

    def __init__(
        self,
        store: Store,
        tenancy: Tenancy,
        seals: MemorySeals,
        indexing: MemoryIndexing,
        redact: Callable[[str, str], str],
        drop_results: Callable[[str, str], Awaitable[None]],
        clock: Callable[[], float],
    ) -> None:
        """
        :param redact: the leak guards, given a tenant and a text
        :param drop_results: removes what a tenant's workflow has kept of long results
        """
        self._store = store
        self._tenancy = tenancy
        self._seals = seals
        self.indexing = indexing
        self._redact = redact
        self._drop_results = drop_results
        self._clock = clock

    async def list(self, principal: Principal) -> tuple[Shown, ...]:
        """One's own, and for an approver all of the tenant's; newest first."""
        found = await self._store.memories.all(
            principal.tenant, lambda each: self._is_theirs(principal, each)
        )
        return tuple(map(self._shown, reversed(found)))

    async def show(self, principal: Principal, memory_id: str) -> Shown:
        """
        :raises NotFound: there is none that they may see
        """
        return await self._own(principal, memory_id)

    async def why(self, principal: Principal, workflow_id: str) -> tuple[tuple[Recall, Shown | None], ...]:
        """What one of the tenant's workflows was reminded of, with what is still there of it.

        :raises NotFound: there is no such workflow that they may see
        """
        view = await self._store.workflows.view(principal.tenant, workflow_id)
        people = self._tenancy.identities(principal.tenant, principal.id)
        if not principal.is_approver and view.requester not in people:
            raise NotFound("There is no such workflow.")
        recalls = await self._store.recalls.of(principal.tenant, workflow_id)
        return tuple([(each, await self._there(principal.tenant, each.memory_id)) for each in recalls])

    async def receipts(self, principal: Principal) -> tuple[Receipt, ...]:
        """What was forgotten, for approvers.

        :raises Refused: they are none
        """
        check_approver(principal)
        return await self._store.memories.receipts(principal.tenant)

    async def matching(self, principal: Principal, since: float, source: str) -> tuple[Shown, ...]:
        """What a rollback would forget, newest first.

        :param since: unix seconds; 0 for any time
        :param source: who says so ("tool", "web"), a workflow's id, or what its brain had read; "" for any
        :raises Refused: they are no approver
        """
        check_approver(principal)

        def fits(memory: Memory) -> bool:
            named = {
                memory.source.value,
                memory.source_ref,
                memory.source_ref.partition(":")[0],
                *memory.taint,
            }
            return memory.created_at >= since and (not source or source in named)

        found = await self._store.memories.all(principal.tenant, fits)
        return tuple(map(self._shown, reversed(found)))

    async def _own(self, principal: Principal, memory_id: str) -> Shown:
        """
        :raises NotFound: there is none that they may see, or it is another tenant's: nobody learns which
        """
        memory = await self._store.memories.get(principal.tenant, memory_id)
        if not self._is_theirs(principal, memory):
            raise NotFound(NONE)
        return self._shown(memory)

    async def _there(self, tenant: str, memory_id: str) -> Shown | None:
        try:
            return self._shown(await self._store.memories.get(tenant, memory_id)) if memory_id else None
        except NotFound:
            return None

    def _is_theirs(self, principal: Principal, memory: Memory) -> bool:
        people = self._tenancy.identities(principal.tenant, principal.id)
        return principal.is_approver or memory.subject_user in people

    def _shown(self, memory: Memory) -> Shown:
        is_genuine = self._seals.is_ours(memory)
        if not is_genuine:
            log.error("memory_edited", tenant=memory.tenant, memory=memory.id)
        return Shown(memory, is_genuine, memory.is_live(self._clock()), oddities(memory.text))


def check_approver(principal: Principal) -> None:
    """
    :raises Refused: they are none
    """
    if "approver" not in principal.roles:
        raise Refused("Only an approver of the tenant may do this.")
