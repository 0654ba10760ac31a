"""Slack's user groups, as far as the operator's groups name them: who is in them is Slack's to say."""

from __future__ import annotations

from collections.abc import Callable, Collection

from ironclaw.store import Store
from ironclaw.tenancy import Tenancy


class SlackGroups:
    """Their members, as Slack said lately.  A row is not its word: that is there for the audit."""

    def __init__(self, store: Store, tenancy: Tenancy, clock: Callable[[], float]) -> None:
        self._store = store
        self._tenancy = tenancy
        self._clock = clock

    def of(self, tenant: str) -> frozenset[str]:
        """The user groups (S...) that decide something in this tenant."""
        return self._tenancy.slack_groups(tenant)

    async def learn(self, tenant: str, group_id: str, members: Collection[str]) -> None:
        """Take Slack's word for who is in a group.  Where Slack gives none that is nobody.

        :param members: principals, such as ``slack:T1:U1``
        """
        self._tenancy.learn_group(tenant, group_id, members)
        await self._store.learn_group(tenant, group_id, frozenset(members), self._clock())
