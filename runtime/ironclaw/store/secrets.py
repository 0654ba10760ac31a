"""Sealed secrets with their bindings.  Each method is one transaction; no value in plain comes here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from ironclaw.binding import Binding
from ironclaw.errors import NotFound
from ironclaw.store.chain import note
from ironclaw.store.looking import is_there, look
from ironclaw.store.sql import Connection, Row, sql
from ironclaw.store.units import Writer
from ironclaw.task import ToolCall


@dataclass(frozen=True, slots=True)
class SecretRow:
    """One secret as it is kept."""

    tenant: str
    name: str
    binding: Binding
    key_id: str  #: Which key opens it.
    sealed: str
    set_at: float = 0.0


class Secrets:
    """The store of sealed secrets."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def put(self, row: SecretRow, actor: str, now: float) -> None:
        """Keep a secret, in place of the one of this name if there is one."""

        def unit(c: Connection) -> None:
            sql.add_tenant(c, id=row.tenant, now=now)
            sql.put_secret(c, **_columns(row), set_at=now)
            note(c, row.tenant, now, "secret_set", actor, name=row.name, **row.binding.as_json())

        await self._writer.write(unit)

    async def get(self, tenant: str, name: str) -> SecretRow | None:
        """The tenant's secret of this name."""

        def unit(c: Connection) -> SecretRow | None:
            row = sql.secret(c, tenant=tenant, name=name)
            return _row(row) if row else None

        return await self._writer.read(unit)

    async def all(self, tenant: str = "") -> tuple[SecretRow, ...]:
        """The tenant's secrets, or everybody's, in the order of their names."""
        return await self._writer.glance(
            lambda c: tuple(map(_row, list(sql.secrets_of(c, tenant=tenant) if tenant else sql.secrets(c))))
        )

    async def remove(self, tenant: str, name: str, actor: str, now: float) -> None:
        """
        :raises NotFound: there is none of this name
        """

        def unit(c: Connection) -> None:
            if not sql.remove_secret(c, tenant=tenant, name=name):
                raise NotFound(f"There is no secret {name} of tenant {tenant}.")
            note(c, tenant, now, "secret_removed", actor, name=name)

        await self._writer.write(unit)

    async def note_use(self, call: ToolCall, name: str, where: Mapping[str, str], now: float) -> None:
        """Append to the tenant's audit log that a call uses a secret.

        :param where: the request goes: host and method
        """
        detail = {"workflow": call.workflow_id, "seq": call.seq, "tool": call.tool, "secret": name, **where}
        await self._writer.write(
            lambda c: note(c, call.tenant, now, "secret_used", "host", **detail), call.tenant
        )

    async def reseal(self, reseal: Callable[[SecretRow], SecretRow], actor: str, now: float) -> int:
        """Everybody's secrets under another key: all of them or none.

        :param reseal: gives a row under its new key, or the row itself; what it raises undoes everything
        :return: how many rows changed
        """

        def unit(c: Connection) -> int:
            changed: dict[str, list[str]] = {}
            key_id = ""
            for old in [_row(row) for row in sql.secrets(c)]:
                new = reseal(old)
                if new != old:
                    sql.reseal_secret(
                        c, tenant=old.tenant, name=old.name, key_id=new.key_id, sealed=new.sealed
                    )
                    changed.setdefault(old.tenant, []).append(old.name)
                    key_id = new.key_id
            for tenant, names in changed.items():
                note(c, tenant, now, "secrets_rotated", actor, names=names, key=key_id)
            return sum(map(len, changed.values()))

        return await self._writer.write(unit)


def kept_in(path: Path, url: str = "") -> tuple[frozenset[str], tuple[SecretRow, ...]]:
    """Every tenant, and everybody's secrets, beside a bot that runs; nothing where there is no database yet.

    :param url: of the PostgreSQL in the place of SQLite's file
    :raises StoreError: they cannot be read
    """

    def unit(c: Connection) -> tuple[frozenset[str], tuple[SecretRow, ...]]:
        return frozenset(row["id"] for row in sql.tenants(c)), tuple(map(_row, list(sql.secrets(c))))

    return look(path, url, unit) if is_there(path, url) else (frozenset(), ())


def _row(row: Row) -> SecretRow:
    binding = Binding(
        row["host"], tuple(row["methods"].split(",")), row["path"], row["header"], row["prefix"]
    )
    return SecretRow(row["tenant"], row["name"], binding, row["key_id"], row["sealed"], row["set_at"])


def _columns(row: SecretRow) -> dict[str, str]:
    binding = {**asdict(row.binding), "methods": ",".join(row.binding.methods)}
    return {"tenant": row.tenant, "name": row.name, "key_id": row.key_id, "sealed": row.sealed, **binding}
