"""``/ironclaw schedule`` and ``/ironclaw schedules``: tasks that begin by themselves."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ironclaw.app import Ironclaw
from ironclaw.errors import BadRequest, Conflict, NotFound, Refused
from ironclaw.task import Json, Principal
from ironclaw.timing import EXAMPLE, is_like_a_zone
from ironclaw_bot.slack import drawings, scheduled, tasks
from ironclaw_bot.slack.blocks import Drawing
from ironclaw_bot.slack.people import People
from ironclaw_bot.slack.text import escape

_QUOTE = '["\u201c\u201d\u201e]'  #: As typed, or as Slack's clients turn it.
_ASKED = re.compile(rf"{_QUOTE}([^\"\u201c\u201d\u201e]*){_QUOTE}\s*(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants to happen when."""

    cron: str
    zone: str  #: "" where they named none.
    task: str


def asked(text: str) -> Asked:
    """``"0 7 * * 1-5" [Europe/Berlin] TASK``.

    :raises BadRequest: it is of another form
    """
    found = _ASKED.fullmatch(text)
    if not found:
        raise BadRequest(f'Write the times in quotes, then the task: schedule "{EXAMPLE}" Europe/Berlin TASK')
    word, _, rest = found[2].partition(" ")
    zone, task = (word, rest.strip()) if is_like_a_zone(word) else ("", found[2])
    if not task:
        raise BadRequest("Nothing to schedule: write the task after the times.")
    return Asked(found[1], zone, task)


class ScheduleCommands:
    """What the two words do."""

    def __init__(self, app: Ironclaw, people: People, command: str, *, plain_quotes: bool) -> None:
        self._app = app
        self._people = people
        self._command = command
        self._plain_quotes = plain_quotes

    async def schedules(self, principal: Principal, body: Json, rest: str) -> Drawing:
        """All of the tenant's."""
        return scheduled.listing(await self._app.schedules.list(principal.tenant))

    async def schedule(self, principal: Principal, body: Json, rest: str) -> Drawing:
        """Make one, or pause, resume or remove one."""
        verb, _, schedule_id = rest.partition(" ")
        changes = {
            "pause": self._app.schedules.pause,
            "resume": self._app.schedules.resume,
            "remove": self._app.schedules.remove,
        }
        try:
            if change := changes.get(verb.lower()):
                return scheduled.changed(await change(principal, schedule_id.strip().strip("`")))
            return await self._add(principal, body, asked(rest))
        except (BadRequest, NotFound, Refused, Conflict) as problem:
            return drawings.said(escape(str(problem)))

    async def _add(self, principal: Principal, body: Json, wanted: Asked) -> Drawing:
        heard = tasks.heard_command(body, wanted.task)
        task = tasks.to_task(heard, principal, plain_quotes=self._plain_quotes)
        zone = wanted.zone or self._people.zone(heard.identity)
        return scheduled.added(await self._app.schedules.add(task, wanted.cron, zone), self._command)
