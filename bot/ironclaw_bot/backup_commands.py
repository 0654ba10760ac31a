"""``ironclaw backup``, ``ironclaw restore`` and ``ironclaw migrate``."""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from pathlib import Path

from ironclaw.errors import BadRequest, StoreError
from ironclaw.settings import Settings
from ironclaw.store import Restored, moment
from ironclaw_bot.commanding import Add
from ironclaw_bot.demo_folder import add_demo_options
from ironclaw_bot.local import SOCKET, Remote, login_name

POSTGRES = (
    "The database is PostgreSQL's: use its own tools, such as pg_dump and pg_restore; after a restore, and "
    "before any bot starts, `ironclaw restore --database-is-restored` (docs/operate.md)."
)


def add_backups(add: Add) -> None:
    """Put them into the command line."""
    backup = add("backup", back_up, "write a copy of the database, also of a bot that runs")
    backup.add_argument("file", type=Path, help="a new file")
    restore = add("restore", restore_from, "put the database back to a backup; the bot must be stopped")
    restore.add_argument("file", type=Path, nargs="?", help="what `ironclaw backup` wrote")
    restore.add_argument(
        "--database-is-restored",
        action="store_true",
        help="of PostgreSQL: its own tools have put it back to a backup; begin another life of it",
    )
    moving = add("migrate", migrate, "move the database from SQLite to the PostgreSQL of database_url")
    moving.add_argument("--from", dest="source", type=Path, help="the SQLite file (default: data_dir's)")
    for parser in (backup, restore):
        add_demo_options(parser)


async def back_up(settings: Settings, chosen: argparse.Namespace) -> int:
    from ironclaw.app.backups import back_up_here  # noqa: PLC0415 - wasmtime's modules cost a second of every command

    _check_sqlite(settings)
    file = chosen.file.absolute()
    remote = Remote(settings.data_dir / SOCKET)
    if await remote.is_there():
        await remote.ask("backup", file=str(file))
    else:
        await asyncio.to_thread(back_up_here, settings, file, _actor(), time.time())
    print(f"{chosen.file} holds the database. The key and the tools' files are not in it: docs/operate.md.")
    return 0


async def restore_from(settings: Settings, chosen: argparse.Namespace) -> int:
    from ironclaw.app.backups import renew_postgres, restore  # noqa: PLC0415 - as back_up

    if chosen.database_is_restored and settings.database_url and not chosen.file:
        _say(await renew_postgres(settings, _actor(), time.time()))
        return 0
    _check_sqlite(settings)
    if not chosen.file or chosen.database_is_restored:
        raise BadRequest("Name the backup: ironclaw restore FILE.")
    done = await asyncio.to_thread(restore, settings, chosen.file.absolute(), _actor(), time.time())
    _say(done.restored)
    if done.replaced:
        print(f"The database of before is kept as {done.replaced}.")
    return 0


async def migrate(settings: Settings, chosen: argparse.Namespace) -> int:
    from ironclaw.app.moving import move  # noqa: PLC0415 - as back_up

    moved = await move(settings, (chosen.source or settings.data_dir / "ironclaw.db").absolute())
    print(f"{moved.rows} rows are in PostgreSQL: what waits there waits on, and every button counts.")
    print(f"{moved.before} is the database as it was. No bot starts on it any more.")
    if moved.files:
        print(f"Now move the tenants' folders from {moved.files} to {settings.scratch_dir}.")
    return 0


def _say(found: Restored) -> None:
    print(f"The database is that of {moment(found.backup_at)}.")
    ended, asked, void = found.superseded, found.in_doubt, found.grants
    print(
        f"{_counted(ended, 'request')} that waited {'was' if ended == 1 else 'were'} ended, "
        f"{_counted(asked, 'call')} may have run since and {'is' if asked == 1 else 'are'} asked about, "
        f"{_counted(void, 'grant')} {'is' if void == 1 else 'are'} void. "
        "Buttons and links of before count no more."
    )


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _actor() -> str:
    return f"local:{login_name(os.getuid())}"


def _check_sqlite(settings: Settings) -> None:
    """
    :raises StoreError: the database is not ours to copy
    """
    if settings.database_url:
        raise StoreError(POSTGRES)
