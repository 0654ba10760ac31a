"""``ironclaw secrets``: keep what tools use without seeing it; beside a running bot, or alone."""

from __future__ import annotations

import argparse
import contextlib
import getpass
import os
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from ironclaw.secrets import Keyring, Vault, unlock
from ironclaw.settings import Settings
from ironclaw.store import Store
from ironclaw.task import Json
from ironclaw_bot.commanding import Add
from ironclaw_bot.demo_folder import add_demo_options
from ironclaw_bot.keeper import Keeper
from ironclaw_bot.local import LOCAL_TENANT, SOCKET, Remote, chosen_tenant, login_name

MAX_INPUT = 16 * 1024  #: Characters that are read of a value: one that is too long is refused as such.


def add_secrets(add: Add) -> None:
    """Put the verbs of ``ironclaw secrets`` into the command line."""
    put = add("set", set_secret, "keep a secret; its value comes from a prompt or from standard input")
    _add_set_options(put)
    listing = add("list", list_secrets, "list the secrets and where they go, never their values")
    remove = add("rm", remove_secret, "remove a secret, also for calls that wait")
    remove.add_argument("name")
    for parser in (put, listing, remove):
        parser.add_argument("--tenant", default="", help="whose (default: the only one there is)")
    for parser in (put, listing, remove, add("rotate", rotate_secrets, "seal all secrets with a new key")):
        add_demo_options(parser)


def _add_set_options(parser: argparse.ArgumentParser) -> None:
    """The value itself is never a word of the command line: those are seen by every user of a machine."""
    parser.add_argument("name")
    parser.add_argument("--host", required=True, help="the only host that it is sent to")
    parser.add_argument("--method", action="append", help="may be given again (default: GET and HEAD)")
    parser.add_argument("--path", default="/", help="prefix of the paths that it is sent to (default: all)")
    parser.add_argument("--header", default="Authorization", help="which carries it (default Authorization)")
    parser.add_argument("--prefix", help='what stands before it there (default "Bearer " in Authorization)')


async def set_secret(settings: Settings, chosen: argparse.Namespace) -> int:
    words = {name: getattr(chosen, name) for name in ("name", "host", "path", "header", "prefix")}
    methods = [method.upper() for method in chosen.method or ("GET", "HEAD")]
    value = _typed_value()
    async with _keeping(settings) as keeping:
        done = await keeping.secrets(chosen.tenant, "set", value=value, methods=methods, **words)
    print(f"The secret {done['name']} of tenant {done['tenant']} goes to {done['goes']}")
    return 0


async def list_secrets(settings: Settings, chosen: argparse.Namespace) -> int:
    async with _keeping(settings) as keeping:
        found = await keeping.secrets(chosen.tenant, "list")
    for each in found:
        since = datetime.fromtimestamp(each["set_at"]).astimezone().strftime("%Y-%m-%d %H:%M")
        print(f"{each['name']:<20} since {since}  {each['goes']}")
    if not found:
        print("There are no secrets.")
    return 0


async def remove_secret(settings: Settings, chosen: argparse.Namespace) -> int:
    async with _keeping(settings) as keeping:
        done = await keeping.secrets(chosen.tenant, "rm", name=chosen.name)
    print(f"The secret {done['name']} of tenant {done['tenant']} is removed.")
    return 0


async def rotate_secrets(settings: Settings, chosen: argparse.Namespace) -> int:
    async with _keeping(settings) as keeping:
        done = await keeping.rotate_secrets()
    print(f"{done['count']} secrets were sealed with the new key.")
    return 0


def _typed_value() -> str:
    """From a prompt that shows nothing, or from standard input without its last line end."""
    if sys.stdin.isatty():
        return getpass.getpass("Value: ")
    return sys.stdin.read(MAX_INPUT).removesuffix("\n").removesuffix("\r")


@dataclass(frozen=True, slots=True)
class _Beside:
    """Secrets of a bot that runs in another process."""

    door: Remote

    async def secrets(self, tenant: str, verb: str, **words: Json) -> Json:
        return await self.door.ask("secrets", tenant=tenant, verb=verb, **words)

    async def rotate_secrets(self) -> Json:
        return await self.door.ask("rotate_secrets")


@dataclass(frozen=True, slots=True)
class _Alone:
    """Secrets where no bot runs: the database and the keys, and nothing else of the engine."""

    keeper: Keeper
    tenants: frozenset[str]

    async def secrets(self, tenant: str, verb: str, **words: Json) -> Json:
        return await self.keeper.keep(verb, chosen_tenant(tenant, self.tenants), **words)

    async def rotate_secrets(self) -> Json:
        return await self.keeper.rotate()


@contextlib.asynccontextmanager
async def _keeping(settings: Settings) -> AsyncIterator[_Beside | _Alone]:
    remote = Remote(settings.data_dir / SOCKET)
    if await remote.is_there():
        yield _Beside(remote)
        return
    store = await Store.open(settings.data_dir / "ironclaw.db", settings.postgres)
    try:
        await unlock(settings, store)
        vault = await Vault.open(store, Keyring(settings), time.time)
        tenants = frozenset(settings.tenants) or await store.tenant_ids() or frozenset({LOCAL_TENANT})
        gone = {name for name, state in (await store.tenants.states()).items() if state.is_gone}
        yield _Alone(Keeper(vault, f"local:{login_name(os.getuid())}"), tenants - gone)
    finally:
        await store.close()
