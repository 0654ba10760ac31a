"""What the command line does with schedules, on behalf of one local person."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ironclaw.app import Ironclaw
from ironclaw.errors import BadRequest
from ironclaw.schedule import Schedule
from ironclaw.task import Address, Json, Principal, Task


@dataclass(frozen=True, slots=True)
class Scheduler:
    """Adds, lists and changes schedules."""

    app: Ironclaw
    principal: Principal

    async def do(self, verb: str, **words: str) -> Json:
        """
        :param verb: add, list, pause, resume or remove
        :return: the schedules as they are then
        :raises BadRequest: another verb, or what the verb raises
        """
        known = self.app.schedules
        if verb == "add":
            return [shown(await self._add(**words))]
        if verb == "list":
            return [shown(each) for each in await known.list(self.principal.tenant)]
        changes: dict[str, Callable[[Principal, str], Awaitable[Schedule]]] = {
            "pause": known.pause,
            "resume": known.resume,
            "remove": known.remove,
        }
        if verb not in changes:
            raise BadRequest("Schedules can be added, listed, paused, resumed and removed.")
        return [shown(await changes[verb](self.principal, words["schedule_id"]))]

    async def _add(self, cron: str, zone: str, task: str) -> Schedule:
        asked = Task(self.principal.tenant, self.principal.id, task, Address("cli"))
        return await self.app.schedules.add(asked, cron, zone)


def shown(found: Schedule) -> Json:
    """A schedule as JSON."""
    last = found.last
    return {
        "id": found.id,
        "task": found.text,
        "words": found.timing.words(),
        "state": found.state.value,
        "why": found.why,
        "requester": found.requester,
        "next": found.next_words,
        "missed": found.missed,
        "last": {"id": last.id, "state": last.state.value, "outcome": last.outcome} if last else None,
    }
