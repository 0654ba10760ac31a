"""What lies outside the database and is its own: so a process knows the right folder and key."""

from __future__ import annotations

from pathlib import Path

from ironclaw.errors import StoreError
from ironclaw.store.looking import look
from ironclaw.store.sql import Connection, sql
from ironclaw.store.units import Writer

FOLDER = "folder"  #: The id in the marker of the tenants' folder.
KEY = "key"  #: The fingerprint of the host's key.


class Belongings:
    """What the first process of all found, and every later one must find."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def kept(self, what: str) -> str:
        """Its id; "" as long as there is none."""
        return await self._writer.read(lambda c: kept(c, what))

    async def keep(self, what: str, belonging: str) -> str:
        """Keep an id where there is none.

        :return: the one that is kept: of several processes, the first one's
        """
        return await self._writer.write(lambda c: keep(c, what, belonging))


def belongings_in(path: Path, url: str = "") -> dict[str, str]:
    """The id of each, beside a bot that runs; nothing where there is no database of now yet.

    :param url: of the PostgreSQL in the place of SQLite's file
    """
    try:
        return look(path, url, lambda c: {what: kept(c, what) for what in (FOLDER, KEY)})
    except StoreError:
        return {}  # An older one, or one that does not answer: others say so.


def kept(c: Connection, what: str) -> str:
    """The id of what belongs to this database; "" as long as there is none."""
    row = sql.belonging(c, what=what)
    return str(row["id"]) if row else ""


def keep(c: Connection, what: str, belonging: str) -> str:
    """See :meth:`Belongings.keep`; in the caller's transaction."""
    sql.keep_belonging(c, what=what, id=belonging)
    return kept(c, what)


def own_folder(c: Connection, folder: str) -> None:
    """From now on this is the database's folder, whichever was."""
    sql.forget_belonging(c, what=FOLDER)
    keep(c, FOLDER, folder)
