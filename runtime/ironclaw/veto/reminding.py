"""Nobody has decided or answered yet: one reminder before it is late; after a while others are asked too."""

from __future__ import annotations

from collections.abc import Callable

from ironclaw.store import Store
from ironclaw.task import Address, ApprovalView
from ironclaw.tenancy import Tenancy

LEAST = 600.0  #: Seconds before expiry of a reminder, at least.
MOST_COPIES = 20  #: Of one card for the people of another group.


class Reminding:
    """What the clock does to reviews and questions that wait, beside ending them."""

    def __init__(self, store: Store, tenancy: Tenancy, clock: Callable[[], float]) -> None:
        self._store = store
        self._tenancy = tenancy
        self._clock = clock

    async def sweep(self) -> bool:
        """Remind and escalate what is due.

        :return: whether anything is to be told
        """
        now, reminders = self._clock(), self._store.reminders
        told = [await reminders.remind(each, now) for each in await reminders.due(now, LEAST)]
        for question in await reminders.questions_due(now, LEAST):
            told.append(await reminders.remind_of_question(question, now))
        for each in await reminders.escalating(now):
            told.append(await reminders.escalate(each, self._places(each), now))
        return any(told)

    def _places(self, approval: ApprovalView) -> tuple[Address, ...]:
        """Direct messages to the people of the other groups: not to who asked, who cannot approve it."""
        groups = {group.or_else for group in approval.terms.groups if group.or_else}
        ids = {each for name in groups for each in self._tenancy.members(approval.tenant, name)}
        asked_by = self._tenancy.person(approval.tenant, approval.requester)
        others = {each for each in ids if self._tenancy.person(approval.tenant, each) != asked_by}
        users = sorted(each.rpartition(":")[2] for each in others if each.startswith("slack:"))
        return tuple(Address("slack", {"channel": user}) for user in users[:MOST_COPIES])
