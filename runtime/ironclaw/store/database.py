"""The open database: its parts, its schema, and what belongs to no part."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from ironclaw.errors import StoreError
from ironclaw.store import instances
from ironclaw.store.approvals import Approvals
from ironclaw.store.belongings import Belongings
from ironclaw.store.calls import Calls
from ironclaw.store.chain import Head, note, note_as_before
from ironclaw.store.doubts import Doubts
from ironclaw.store.edits import Edits
from ironclaw.store.factors import Factors
from ironclaw.store.grants import Grants
from ironclaw.store.instances import Instance
from ironclaw.store.leases import Leases
from ironclaw.store.looking import postgres
from ironclaw.store.mcp_tools import McpTools
from ironclaw.store.memories import Memories
from ironclaw.store.memory_jobs import MemoryJobs
from ironclaw.store.memory_remains import MemoryRemains
from ironclaw.store.model_calls import ModelCalls
from ironclaw.store.outbox import Outbox
from ironclaw.store.policies import Policies
from ironclaw.store.questions import Questions
from ironclaw.store.recalls import Recalls
from ironclaw.store.reminders import Reminders
from ironclaw.store.retention import Retention
from ironclaw.store.schedules import Schedules
from ironclaw.store.secrets import Secrets
from ironclaw.store.sql import Connection, sql
from ironclaw.store.sqlite import SqliteWriter
from ironclaw.store.summaries import Summaries
from ironclaw.store.tenants import EMPTIED, Tenants
from ironclaw.store.toolboxes import Toolboxes
from ironclaw.store.units import Writer
from ironclaw.store.workflows import Workflows

WRONG = 9 * 24 * 3600.0  #: Seconds that a clock may be wrong.


class Store:
    """The open database."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._instance: Instance | None = None
        self.workflows = Workflows(writer)
        self.leases = Leases(writer)
        self.calls = Calls(writer)
        self.approvals = Approvals(writer)
        self.belongings = Belongings(writer)
        self.doubts = Doubts(writer)
        self.edits = Edits(writer)
        self.grants = Grants(writer)
        self.reminders = Reminders(writer)
        self.model_calls = ModelCalls(writer)
        self.summaries = Summaries(writer)
        self.outbox = Outbox(writer, is_alone=isinstance(writer, SqliteWriter))
        self.policies = Policies(writer)
        self.questions = Questions(writer)
        self.schedules = Schedules(writer)
        self.secrets = Secrets(writer)
        self.factors = Factors(writer)
        self.toolboxes = Toolboxes(writer)
        self.tenants = Tenants(writer)
        self.mcp_tools = McpTools(writer)
        self.memories = Memories(writer)
        self.memory_jobs = MemoryJobs(writer)
        self.memory_remains = MemoryRemains(writer)
        self.recalls = Recalls(writer)
        self.retention = Retention(writer)

    @classmethod
    async def open(cls, path: Path, url: str = "") -> Store:
        """Open or make the database, and bring its schema up to date.

        :param path: of SQLite's file
        :param url: of a PostgreSQL, which many processes may use, in its place
        :raises StoreError: another process has it, it cannot be opened, or a newer version made it
        """
        if url:
            writer: Writer = await postgres().PostgresWriter.open(url)
            return await cls.over(writer)
        return await cls.over(await SqliteWriter.open(path))

    @classmethod
    async def over(cls, writer: Writer) -> Store:
        """The database behind a writer, which knows which one it is.

        :raises StoreError: it does not answer; the writer is closed
        """
        store = cls(writer)
        try:
            store._instance = await writer.write(instances.known)
            writer.hold_to(store._instance)
        except BaseException:
            await writer.close()
            raise
        return store

    @property
    def instance(self) -> Instance:
        """
        :raises StoreError: the database was not asked which it is
        """
        if self._instance is None:
            raise StoreError
        return self._instance

    @property
    def is_shared(self) -> bool:
        """Whether other processes may have this database open."""
        return not isinstance(self._writer, SqliteWriter)

    async def copy_to(self, file: Path) -> None:
        """Make a new file with all that is committed when this returns.

        :raises StoreError: it could not be made, or the database is none of ours to copy
        """
        if not isinstance(self._writer, SqliteWriter):
            raise StoreError("PostgreSQL is backed up with its own tools, such as pg_dump: docs/operate.md.")
        await self._writer.copy_to(file)

    async def empty_log(self) -> None:
        """Have what was removed be gone from the files too; PostgreSQL's vacuum sees to its own."""
        if isinstance(self._writer, SqliteWriter):
            await self._writer.empty_log()

    async def close(self) -> None:
        await self._writer.close()

    def clock(self) -> float:
        """Unix seconds, alike for all who share this database."""
        return self._writer.clock()

    async def is_ready(self) -> bool:
        """Whether the database answers, and is in its place."""
        if isinstance(self._writer, SqliteWriter) and not self._writer.is_in_place():
            return False
        return bool(await self._writer.glance(sql.answers))

    async def map_tenants(self, workspaces: Mapping[str, str], tenants: frozenset[str], now: float) -> None:
        """Make the tenants table say what the settings say.

        :param workspaces: tenant by Slack team or enterprise id
        """

        def unit(c: Connection) -> None:
            for tenant in tenants | set(workspaces.values()):
                sql.add_tenant(c, id=tenant, now=now)
            sql.forget_installations(c)
            for team_id, tenant in workspaces.items():
                sql.add_installation(c, team_id=team_id, tenant=tenant)

        await self._writer.write(unit)

    async def tenant_ids(self) -> frozenset[str]:
        """Every tenant that was ever here."""
        return await self._writer.glance(lambda c: frozenset(row["id"] for row in sql.tenants(c)))

    async def audit_heads(self) -> tuple[Head, ...]:
        """Where each tenant's audit chain ends, for a checkpoint."""
        return await self._writer.glance(
            lambda c: tuple(Head(row["tenant"], row["n"], row["hash"]) for row in sql.audit_heads(c))
        )

    async def rewrite(self) -> None:
        """Leave nothing of rows that were removed in any page of the database: it is written anew.

        :raises StoreError: it could not be done; what is there is as it was
        """
        await self._writer.rewrite((*EMPTIED, "audit"))

    async def note_backup(self, actor: str, now: float) -> None:
        """Say in every tenant's audit log that all of it is about to be copied."""
        await self._writer.write(lambda c: note_backup(c, actor, now))

    async def learn_group(self, tenant: str, group_id: str, members: frozenset[str], now: float) -> None:
        """Keep who is in a Slack user group; the audit says so where that changed."""

        def unit(c: Connection) -> None:
            if _members(c).get((tenant, group_id), frozenset()) == members:
                return
            sql.forget_group(c, tenant=tenant, group_id=group_id)
            for principal in members:
                sql.add_group_member(c, tenant=tenant, group_id=group_id, principal=principal)
            note(c, tenant, now, "group_learned", "slack", group=group_id, members=sorted(members))

        await self._writer.write(unit)

    async def has_event(self, head: Head) -> bool:
        """Whether a tenant's audit chain went through here."""

        def unit(c: Connection) -> bool:
            row = sql.audit_row(c, tenant=head.tenant, n=head.n)
            return row is not None and str(row["hash"]) == head.hash

        return await self._writer.glance(unit)

    async def tidy(self, now: float) -> None:
        """Forget delivery ids that are too old to matter, and end grants whose time is over.

        A clock that goes back afterwards brings neither back: a grant has lost its seal, and an id is kept
        for longer than a clock is wrong.
        """

        def unit(c: Connection) -> None:
            sql.forget_deliveries(c, now=now - WRONG)
            sql.end_grants(c, now=now)

        await self._writer.write(unit)


def note_backup(c: Connection, actor: str, now: float) -> None:
    """In every tenant's audit chain; the copy has it too, and says so when it was made."""
    _note_in_all(c, note, actor, now)


def note_backup_as_before(c: Connection, actor: str, now: float) -> None:
    """The same in a database of an older version."""
    _note_in_all(c, note_as_before, actor, now)


def _note_in_all(c: Connection, note: Callable[..., None], actor: str, now: float) -> None:
    for tenant in [row["id"] for row in sql.tenants(c)]:
        note(c, tenant, now, "backed_up", actor)


def _members(c: Connection) -> dict[tuple[str, str], frozenset[str]]:
    found: dict[tuple[str, str], frozenset[str]] = {}
    for row in sql.group_members(c):
        key = (row["tenant"], row["group_id"])
        found[key] = found.get(key, frozenset()) | {row["principal"]}
    return found
