"""Which database this is: another one after each restore, and with it another seal on all it gave out."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from ironclaw.canonical import subkey
from ironclaw.store.sql import Connection, sql


@dataclass(frozen=True, slots=True)
class Instance:
    """The life of a database, from its first start or its restore on."""

    id: str  #: Random.
    epoch: int  #: How often it was restored.
    restored_at: float  #: Unix seconds; 0 for never.

    def key(self, host_key: bytes) -> bytes:
        """What buttons, decisions, grants, tickets and links are sealed with in this life and in no other.

        Before the first restore it is the host's own: seals of versions that knew no epochs go on.
        """
        return subkey(host_key, f"instance {self.id} {self.epoch}") if self.epoch else host_key


def known(c: Connection) -> Instance:
    """The database's own word for which it is; said at its first start."""
    sql.begin_instance(c, id=secrets.token_hex(16))
    row = sql.instance(c)
    return Instance(row["id"], row["epoch"], row["restored_at"])


def renew(c: Connection, now: float) -> Instance:
    """Begin another life."""
    next_one = Instance(secrets.token_hex(16), known(c).epoch + 1, now)
    sql.end_instance(c)
    sql.restore_instance(c, id=next_one.id, epoch=next_one.epoch, now=now)
    return next_one
