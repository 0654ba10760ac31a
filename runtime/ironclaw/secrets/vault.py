"""Everything that is done with a secret: keep it, lend it to one request, hide it, forget it."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import structlog

from ironclaw.binding import Binding, Injection
from ironclaw.errors import BadRequest, StoreError
from ironclaw.redaction import MIN_LENGTH, Values
from ironclaw.secrets.keyring import Keyring
from ironclaw.secrets.sealing import seal, unseal
from ironclaw.store import SecretRow, Store
from ironclaw.task import ToolCall

MAX_LENGTH = 4000  #: Characters of a value: servers take header lines of 8 KB.
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_VALUE = re.compile(r"[\x21-\x7e]+")
NOBODY = Values({})
NOT_HERE = (
    "Other processes share this database and would not know a key that is made here. Give the new one as "
    "secrets_key and the one before as secrets_key_old, to all of them: docs/operate.md."
)

log = structlog.get_logger(__name__)


class Vault:
    """The secrets of every tenant.

    What hides a value stays in memory until the process ends, also when the secret is replaced or removed:
    an answer that is under way may still hold the old one.
    """

    def __init__(self, store: Store, keyring: Keyring, clock: Callable[[], float]) -> None:
        self._store = store.secrets
        self._is_shared = store.is_shared
        self._keyring = keyring
        self._clock = clock
        self._values: dict[str, Values] = {}
        self._everybodys = NOBODY
        self._learned: set[tuple[str, str, str]] = set()  #: What need not be opened again.
        self._changing = asyncio.Lock()  # A secret sealed during a rotation would keep the old key.

    @classmethod
    async def open(cls, store: Store, keyring: Keyring, clock: Callable[[], float]) -> Vault:
        """The vault of this store, with a rotation brought to its end that a crash cut short."""
        vault = cls(store, keyring, clock)
        await vault._settle()
        return vault

    async def learn(self) -> None:
        """Know what to hide: before the first text leaves.

        :raises StoreError: a secret cannot be opened
        """
        for row in await self._unknown():
            self._know(row, unseal(self._keyring, row))

    async def keep_up(self) -> None:
        """Know also what other processes have kept since; of one that cannot be opened the log says it."""
        if not self._is_shared:
            return
        for row in await self._unknown():
            try:
                self._know(row, unseal(self._keyring, row))
            except StoreError as error:
                self._learned.add(_mark(row))
                log.error("secret_not_known", error=str(error))

    async def _unknown(self) -> list[SecretRow]:
        return [row for row in await self._store.all() if _mark(row) not in self._learned]

    def values(self, tenant: str) -> Values:
        """What finds the tenant's secrets in a text; "" for everybody's."""
        return self._values.get(tenant, NOBODY) if tenant else self._everybodys

    async def lend(self, tenant: str, name: str) -> Injection | None:
        """The tenant's secret as it is now, for one request; None where there is none.

        :raises StoreError: it cannot be opened
        """
        row = await self._store.get(tenant, name)
        if row is None:
            return None
        value = unseal(self._keyring, row)
        self._know(row, value)
        return Injection(name, row.binding, value)

    async def note_use(self, call: ToolCall, secret: Injection, method: str) -> None:
        """Write into the audit log that a call's request carries a secret: which and where, not its value.

        :raises StoreError: it could not
        """
        where = {"host": secret.binding.host, "method": method}
        await self._store.note_use(call, secret.name, where, self._clock())

    async def put(self, tenant: str, name: str, value: str, binding: Binding, actor: str) -> None:
        """Keep a secret, in place of the one of this name if there is one.

        :raises BadRequest: a name or a value that cannot be used; the value is not repeated
        """
        if not _NAME.fullmatch(name):
            raise BadRequest("A secret's name is small letters, digits and _, and begins with a letter.")
        if not MIN_LENGTH <= len(value) <= MAX_LENGTH or not _VALUE.fullmatch(value):
            raise BadRequest(
                f"A secret is {MIN_LENGTH} to {MAX_LENGTH} characters of plain ASCII without spaces. "
                "What stands before it in the header is --prefix."
            )
        async with self._changing:
            row = seal(self._keyring.current, tenant, name, binding, value)
            self._know(row, value)
            await self._store.put(row, actor, self._clock())

    async def listed(self, tenant: str) -> tuple[SecretRow, ...]:
        """The tenant's secrets: names and bindings, values sealed."""
        return await self._store.all(tenant)

    async def remove(self, tenant: str, name: str, actor: str) -> None:
        """
        :raises NotFound: there is none of this name
        """
        await self._store.remove(tenant, name, actor, self._clock())

    async def rotate(self, actor: str) -> int:
        """Seal everybody's secrets anew: with the environment's key, or else with a new one of our own.

        The old key opens them until all are sealed with the new one, in one transaction.

        :return: how many were sealed anew
        :raises IronclawError: one cannot be opened, or the new key cannot be kept, or would not be known to
            other processes; nothing was changed
        """
        if self._is_shared and not self._keyring.is_given:
            raise BadRequest(NOT_HERE)
        async with self._changing:
            key = self._keyring.upcoming()

            def reseal(row: SecretRow) -> SecretRow:
                if row.key_id == key.id:
                    return row
                fresh = seal(key, row.tenant, row.name, row.binding, unseal(self._keyring, row))
                return replace(fresh, set_at=row.set_at)

            count = await self._store.reseal(reseal, actor, self._clock())
            await self._settle()
        return count

    async def _settle(self) -> None:
        self._keyring.settle(frozenset(row.key_id for row in await self._store.all()))

    def _know(self, row: SecretRow, value: str) -> None:
        found = Values({})
        for face in _faces(row.binding, value):
            found += Values({row.name: face})
        self._learned.add(_mark(row))
        self._values[row.tenant] = self.values(row.tenant) + found
        self._everybodys += found


def _mark(row: SecretRow) -> tuple[str, str, str]:
    """Tells each sealing of a secret from every other."""
    return row.tenant, row.name, row.sealed


def _faces(binding: Binding, value: str) -> Iterator[str]:
    """What gives the secret away: itself, and what Basic credentials say in base64."""
    yield value
    if binding.prefix.strip().lower() != "basic":
        return
    try:
        decoded = base64.b64decode(value, validate=True).decode()
    except ValueError:
        return
    yield decoded
    yield decoded.partition(":")[2]
