"""Removes what was kept long enough: texts of ended workflows, and the audit log's words on them."""

from __future__ import annotations

from dataclasses import dataclass

from ironclaw.store.chain import note
from ironclaw.store.erasing import erase_workflow, forget_events
from ironclaw.store.sql import Connection, sql
from ironclaw.store.units import Writer

BATCH = 50  #: Workflows in one transaction: others wait for it.


@dataclass(frozen=True, slots=True)
class Page:
    """How far a look through a tenant's workflows has come."""

    after: float = 0.0
    after_id: str = ""
    erased: tuple[str, ...] = ()  #: Workflows of this page of which something was removed.
    is_last: bool = False


class Retention:
    """The store of what is kept no longer.  Each method is one transaction, of one tenant."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def erase_texts(self, tenant: str, until: float, now: float) -> Page:
        """Remove the texts of the next workflows that ended before ``until``."""

        def unit(c: Connection) -> Page:
            found = [
                str(row["id"]) for row in sql.workflows_to_erase(c, tenant=tenant, until=until, limit=BATCH)
            ]
            for workflow_id in found:
                erase_workflow(c, workflow_id, now)
            if found:
                note(c, tenant, now, "texts_erased", "host", count=len(found), ended_before=until)
            return Page(erased=tuple(found), is_last=len(found) < BATCH)

        return await self._writer.write(unit, tenant)

    async def forget_events(self, tenant: str, until: float, now: float, page: Page) -> Page:
        """Forget the events of the next workflows that ended before ``until``.

        Never those that a grant still counts by: they go once it has ended.
        """

        def unit(c: Connection) -> Page:
            where = {"tenant": tenant, "until": until, "after": page.after, "after_id": page.after_id}
            rows = list(sql.workflows_to_erase_audit(c, **where, limit=BATCH))
            live = {str(row["id"]) for row in sql.live_grants(c, tenant=tenant, now=now, tool=None)}
            gone = {str(row["id"]): _forget(c, tenant, str(row["id"]), live, now) for row in rows}
            if any(gone.values()):
                note(c, tenant, now, "events_forgotten", "host", count=sum(gone.values()), ended_before=until)
            last = (float(rows[-1]["updated_at"]), str(rows[-1]["id"])) if rows else (0.0, "")
            erased = tuple(each for each, count in gone.items() if count)
            return Page(last[0], last[1], erased, len(rows) < BATCH)

        return await self._writer.write(unit, tenant)


def _forget(c: Connection, tenant: str, workflow_id: str, live: set[str], now: float) -> int:
    gone, kept = forget_events(c, tenant, workflow_id, now, keep=live)
    if not kept:
        sql.audit_erased(c, id=workflow_id, now=now)
    return gone
