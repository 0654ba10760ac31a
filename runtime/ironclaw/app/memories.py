"""What people may ask of their tenant's memories: remember, list, forget; and why a run knew something."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

import structlog

from ironclaw.app.memory_index import MemoryIndexing
from ironclaw.app.memory_tools import DAY, Wish
from ironclaw.errors import BadRequest, NotFound, Refused, StoreError
from ironclaw.memorable import memorable, oddities
from ironclaw.memory import KINDS, Memory, MemorySeals, Source, Visibility
from ironclaw.store import Store
from ironclaw.store.memories import Receipt
from ironclaw.store.recalls import Recall
from ironclaw.task import Principal
from ironclaw.tenancy import Tenancy

NONE = "There is no such memory."
LEFT = (
    "a long result that workflow {workflow} has kept in the workspace cannot be removed: {why}. Remove its "
    "folder in .results there."
)
NO_CHANNEL = "There is no channel here: remember it for yourself, or for everybody."

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Shown:
    """A memory as people see it."""

    memory: Memory
    is_genuine: bool  #: False: its row is not as this host wrote it, and no run is reminded of it.
    is_live: bool
    oddities: tuple[str, ...]  #: What a reader should know of its text.


@dataclass(frozen=True, slots=True)
class Kept:
    """What came of a wish to remember."""

    memory: Memory
    is_new: bool  #: False: it was known.
    oddities: tuple[str, ...]
    kind: str  #: What memories are searched by; "" where nothing searches.


class Memories:
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

    # Remembering

    async def remember(
        self,
        principal: Principal,
        text: str,
        visibility: Visibility,
        place: str = "",
        *,
        kind: str = KINDS[0],
        days: float = 0.0,
        said_at: str = "",
        replaces: str = "",
    ) -> Kept:
        """Keep what a person has asked to be remembered, in their own words.

        :param place: the channel that they say it in; "" for none
        :param said_at: where they said it, for people
        :param replaces: the memory whose place it takes
        :raises BadRequest: it cannot be remembered; says why
        :raises NotFound: ``replaces`` is not there, or not theirs
        :raises Refused: there are as many as may be
        """
        if visibility is Visibility.CHANNEL and not place:
            raise BadRequest(NO_CHANNEL, "/for")
        wish = Wish(
            principal.tenant,
            principal.id,
            text,
            visibility,
            Source.USER,
            place=place if visibility is Visibility.CHANNEL else "",
            kind=kind,
            source_ref=said_at,
            days=days,
        )
        old = (await self._own(principal, replaces)).memory if replaces else None
        memory, is_new = await self.keep(wish, principal.id, old)
        return Kept(memory, is_new, oddities(memory.text), self.indexing.kind)

    async def keep(self, wish: Wish, actor: str, old: Memory | None = None) -> tuple[Memory, bool]:
        """The one way in, for people and for tools alike.

        :raises BadRequest: it cannot be remembered; says why
        :raises Refused: there are as many as may be
        """
        memory = self._made(wish)
        gives_way = self._sealed_as(old, memory.id) if old else None
        kept, is_new = await self._store.memories.add(
            memory,
            actor,
            memory.created_at,
            self._seals.is_ours,
            gives_way,
            self._tenancy.max_memories(wish.tenant),
        )
        await self.indexing.apply(wish.tenant)
        return kept, is_new

    def checked(self, tenant: str, text: str) -> str:
        """The text as it is kept.

        :raises BadRequest: it cannot be remembered; says why
        """
        return memorable(text, lambda words: self._redact(tenant, words))

    # Looking

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
        _check_approver(principal)
        return await self._store.memories.receipts(principal.tenant)

    # Forgetting

    async def forget(self, principal: Principal, ids: Sequence[str]) -> Receipt:
        """Forget some: out of the rows, the index and whatever a run was given of them.

        :raises NotFound: one of them is not there, or not theirs; nothing is forgotten
        :raises IndexUnavailable, StoreError: forgotten, but a trace may be left; it is removed later
        """
        found = [(await self._own(principal, each)).memory for each in dict.fromkeys(ids)]
        return await self._forget(principal.tenant, found, principal.id, "asked")

    async def forget_person(self, principal: Principal, person: str) -> Receipt:
        """Forget all that one person has had remembered.

        :param person: a Principal's id: their own, or for approvers anybody's
        :raises Refused: it is somebody else's
        """
        people = self._tenancy.identities(principal.tenant, person)
        if principal.id not in people:
            _check_approver(principal)
        found = await self._store.memories.all(principal.tenant, lambda each: each.subject_user in people)
        return await self._forget(principal.tenant, found, principal.id, "person")

    async def forget_everything(self, principal: Principal) -> Receipt:
        """Forget all that the tenant has.

        :raises Refused: they are no approver
        """
        _check_approver(principal)
        found = await self._store.memories.all(principal.tenant)
        receipt = await self._forget(principal.tenant, found, principal.id, "everything")
        await self.indexing.clear(principal.tenant)
        return receipt

    async def matching(self, principal: Principal, since: float, source: str) -> tuple[Shown, ...]:
        """What a rollback would forget, newest first.

        :param since: unix seconds; 0 for any time
        :param source: who says so ("tool", "web"), a workflow's id, or what its brain had read; "" for any
        :raises Refused: they are no approver
        """
        _check_approver(principal)

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

    async def roll_back(self, principal: Principal, ids: Sequence[str]) -> Receipt:
        """Forget what :meth:`matching` has shown and is still there.

        :raises Refused: they are no approver
        """
        _check_approver(principal)
        wanted = set(ids)
        found = await self._store.memories.all(principal.tenant, lambda each: each.id in wanted)
        return await self._forget(principal.tenant, found, principal.id, "rollback")

    async def expire(self, tenant: str, until: float) -> int:
        """Forget what is past its time, or was made before ``until``; how many."""
        ids = set(await self._store.memories.expired(tenant, until, self._clock(), 500))
        if not ids:
            return 0
        found = await self._store.memories.all(tenant, lambda each: each.id in ids)
        return (await self._forget(tenant, found, "host", "expired")).memories

    async def reindex(self, principal: Principal) -> int:
        """Make the index anew; how many memories it has.

        :raises Refused: they are no approver
        :raises IndexUnavailable: it could not
        """
        _check_approver(principal)
        return await self.indexing.reindex(principal.tenant)

    # Inside

    async def _forget(self, tenant: str, found: Sequence[Memory], actor: str, why: str) -> Receipt:
        now = self._clock()
        receipt = Receipt(secrets.token_hex(8), now, actor, why, 0, 0, self._seals.receipt(found))
        flows = await self._store.memories.searched_by(tenant, found)
        done = await self._store.memories.forget(tenant, found, receipt, now)
        if done.memories:
            await self.indexing.apply(tenant)
            await self._store.empty_log()
        for workflow_id in flows:
            await self._drop(tenant, workflow_id)
        return done

    async def _drop(self, tenant: str, workflow_id: str) -> None:
        """
        :raises StoreError: a file of results is still there
        """
        try:
            await self._drop_results(tenant, workflow_id)
        except OSError as error:
            raise StoreError(LEFT.format(workflow=workflow_id, why=error.strerror)) from None

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

    def _made(self, wish: Wish) -> Memory:
        """
        :raises BadRequest: it cannot be remembered; says why
        """
        now = self._clock()
        if wish.kind not in KINDS:
            raise BadRequest(f"A memory is one of: {', '.join(KINDS)}.", "/kind")
        memory = Memory(
            id=f"m-{secrets.token_hex(8)}",
            tenant=wish.tenant,
            subject_user=wish.subject_user,
            visibility=wish.visibility,
            text=self.checked(wish.tenant, wish.text),
            source=wish.source,
            created_at=now,
            place=wish.place,
            kind=wish.kind,
            source_ref=wish.source_ref,
            taint=wish.taint,
            expires_at=now + wish.days * DAY if wish.days else 0.0,
            approved_by=wish.approved_by,
        )
        return self._sealed(memory)

    def _sealed(self, memory: Memory) -> Memory:
        return replace(memory, mac=self._seals.seal(memory))

    def _sealed_as(self, old: Memory, by: str) -> Memory:
        """An old one that has given way, under a seal of that."""
        return self._sealed(replace(old, superseded_by=by))


def _check_approver(principal: Principal) -> None:
    """
    :raises Refused: they are none
    """
    if "approver" not in principal.roles:
        raise Refused("Only an approver of the tenant may do this.")
