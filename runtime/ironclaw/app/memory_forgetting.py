"""Forgets memories: out of the rows, the index, and whatever runs were given of them."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Sequence

from ironclaw.app.memory_looking import Looking, check_approver
from ironclaw.errors import IndexUnavailable, StoreError
from ironclaw.memory import Memory
from ironclaw.store.memories import Receipt
from ironclaw.task import Principal

LATER = "its index cannot be reached now, and forgets it as soon as it can."
LEFT = (
    "a long result that workflow {workflow} has kept in the workspace cannot be removed: {why}. Remove its "
    "folder in .results there."
)


class Forgetting(Looking):
    """Each gives a receipt: how much, and nothing of what."""

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
            check_approver(principal)
        found = await self._store.memories.all(principal.tenant, lambda each: each.subject_user in people)
        return await self._forget(principal.tenant, found, principal.id, "person")

    async def forget_everything(self, principal: Principal) -> Receipt:
        """Forget all that the tenant has.

        :raises Refused: they are no approver
        """
        check_approver(principal)
        found = await self._store.memories.all(principal.tenant)
        receipt = await self._forget(principal.tenant, found, principal.id, "everything")
        await self.indexing.clear(principal.tenant)
        return receipt

    async def roll_back(self, principal: Principal, ids: Sequence[str]) -> Receipt:
        """Forget what :meth:`matching` has shown and is still there.

        :raises Refused: they are no approver
        """
        check_approver(principal)
        wanted = set(ids)
        found = await self._store.memories.all(principal.tenant, lambda each: each.id in wanted)
        return await self._forget(principal.tenant, found, principal.id, "rollback")

    async def expire(self, tenant: str, until: float) -> int:
        """Forget what is past its time, or was made before ``until``; how many."""
        ids = set(await self._store.memories.expired(tenant, until, self._clock(), 500))
        if not ids:
            return 0
        found = await self._store.memories.all(tenant, lambda each: each.id in ids)
        with contextlib.suppress(IndexUnavailable):  # It follows by itself.
            await self._forget(tenant, found, "host", "expired")
        return len(found)

    async def _forget(self, tenant: str, found: Sequence[Memory], actor: str, why: str) -> Receipt:
        now = self._clock()
        receipt = Receipt(secrets.token_hex(8), now, actor, why, 0, 0, self._seals.receipt(found))
        flows = await self._store.memories.searched_by(tenant, found)
        done, homes = await self._store.memories.forget(tenant, found, receipt, now)
        is_told = not done.memories or await self.indexing.apply(tenant) or not self.indexing.kind
        if done.memories:
            await self._store.empty_log()
        for workflow_id in sorted(flows | homes):
            await self._drop(tenant, workflow_id)
        if not is_told:
            raise IndexUnavailable(LATER)
        return done

    async def _drop(self, tenant: str, workflow_id: str) -> None:
        """
        :raises StoreError: a file of results is still there
        """
        try:
            await self._drop_results(tenant, workflow_id)
        except OSError as error:
            raise StoreError(LEFT.format(workflow=workflow_id, why=error.strerror)) from None
