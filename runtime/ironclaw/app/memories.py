"""What people may ask of their tenant's memories: remember, list, forget; and why a run knew something."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace

from ironclaw.app.memory_forgetting import Forgetting
from ironclaw.app.memory_looking import Shown, check_approver
from ironclaw.app.memory_tools import DAY, Wish
from ironclaw.errors import BadRequest
from ironclaw.memorable import memorable, oddities
from ironclaw.memory import KINDS, Memory, Source, Visibility
from ironclaw.task import Principal

__all__ = ["Kept", "Memories", "Shown"]

NO_CHANNEL = "There is no channel here: remember it for yourself, or for everybody."


@dataclass(frozen=True, slots=True)
class Kept:
    """What came of a wish to remember."""

    memory: Memory
    is_new: bool  #: False: it was known.
    oddities: tuple[str, ...]
    kind: str  #: What memories are searched by; "" where nothing searches.


class Memories(Forgetting):
    """All of it: what comes in here, what is seen and what is forgotten in the classes beneath."""

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
        :raises Refused: there are as many as may be, or the tenant is suspended
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
        :raises Refused: there are as many as may be, or the tenant is suspended
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

    async def reindex(self, principal: Principal) -> int:
        """Make the index anew; how many memories it has.

        :raises Refused: they are no approver
        :raises IndexUnavailable: it could not
        """
        check_approver(principal)
        return await self.indexing.reindex(principal.tenant)

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
