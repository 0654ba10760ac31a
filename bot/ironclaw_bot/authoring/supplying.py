"""``ironclaw tool keygen | sign | add | rm``: from an author's built folder to an admin's bot."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ironclaw.errors import IronclawError, ToolboxError
from ironclaw.registry import Registry
from ironclaw.registry.signing import SIGNATURE, public_key, signed
from ironclaw.settings import Settings
from ironclaw_bot.authoring.commands import printable
from ironclaw_bot.authoring.differences import differences
from ironclaw_bot.authoring.showing import built, pins
from ironclaw_bot.authoring.signing_keys import load_signing_key, make_signing_key
from ironclaw_bot.build import check_current
from ironclaw_bot.commanding import DONE, FAILED, Add
from ironclaw_bot.demo_folder import add_demo_options
from ironclaw_bot.guests.source import read_manifest
from ironclaw_bot.local import SOCKET, Remote

if TYPE_CHECKING:
    from ironclaw_bot.authoring.installing import Candidate

DAY = 24 * 60 * 60


def add_supplying(add: Add) -> None:
    """Add the commands of publishers and of admins."""
    add("keygen", _keygen, "make a signing key, and print its public key").add_argument("file", type=Path)
    sign = add("sign", _sign, "sign a built toolbox")
    sign.add_argument("folder", type=Path, metavar="DIR")
    sign.add_argument("--key", type=Path, required=True, metavar="FILE", help="as tool keygen made it")
    sign.add_argument("--days", type=_days, default=365, help="until the signature expires (default 365)")
    install = add("add", _install, "install or upgrade a signed toolbox, after showing what it may touch")
    install.add_argument("source", type=Path, metavar="DIR|FILE.tar")
    install.add_argument("--yes", action="store_true", help="do not ask")
    install.add_argument("--allow-downgrade", action="store_true", help="also an older version")
    install.add_argument("--verbose", action="store_true", help="also the schemas of the arguments")
    remove = add("rm", _remove, "remove a toolbox that was added")
    remove.add_argument("name")
    for parser in (install, remove):
        add_demo_options(parser)


def _days(word: str) -> int:
    if not word.isdecimal() or not 1 <= int(word) <= 3650:
        raise argparse.ArgumentTypeError(f"{word!r} is no number of days from 1 to 3650")
    return int(word)


async def _keygen(settings: Settings, chosen: argparse.Namespace) -> int:
    key = make_signing_key(chosen.file)
    public = public_key(key)
    print(
        f"The signing key is in {chosen.file}: keep it to yourself. Who trusts it writes into ironclaw.toml,"
    )
    print(
        "above the first [table], for toolboxes and tools whose names begin with the word before the colon:"
    )
    print(f'trusted_signers = ["{_name_here()}:{public}"]')
    print(f"The public key is {public}")
    return DONE


def _name_here() -> str:
    """The toolbox in whose folder a key is made; a placeholder elsewhere."""
    try:
        return str(read_manifest(Path())["name"])
    except ToolboxError:
        return "NAME"


async def _sign(settings: Settings, chosen: argparse.Namespace) -> int:
    key = load_signing_key(chosen.key)
    folder = built(chosen.folder)
    check_current(folder)
    (box,) = Registry.load([folder]).toolboxes
    expires = int(time.time()) + chosen.days * DAY
    fresh = folder / f".{SIGNATURE}"
    fresh.write_bytes(signed(box, key, expires))
    os.replace(fresh, folder / SIGNATURE)
    print(folder / SIGNATURE)
    print(f"{box.name} {box.version}, signed by {public_key(key)} until {_date(expires)}")
    return DONE


async def _install(settings: Settings, chosen: argparse.Namespace) -> int:
    from ironclaw_bot.authoring.installing import candidate  # noqa: PLC0415 - as in commands

    source, allow = chosen.source, chosen.allow_downgrade
    source = built(source) if source.is_dir() else source
    async with candidate(source, settings, _say, allow_downgrade=allow) as found:
        _tell(_shown(found, verbose=chosen.verbose))
        if not chosen.yes and not _is_confirmed():
            _say("Nothing was installed.")
            return FAILED
        found.install()
    print(f"Installed {found.box.name} {found.box.version}.")
    await _tell_the_bot(settings)
    return DONE


async def _remove(settings: Settings, chosen: argparse.Namespace) -> int:
    from ironclaw_bot.authoring.installing import remove  # noqa: PLC0415 - as in commands

    remove(chosen.name, settings)
    print(f"Removed {chosen.name}.")
    await _tell_the_bot(settings)
    return DONE


async def _tell_the_bot(settings: Settings) -> None:
    """A bot that runs takes up the change; where it cannot, it goes on with what it has."""
    bot = Remote(settings.data_dir / SOCKET)
    if not await bot.is_there():
        return
    try:
        await bot.ask("reload")
        print("The bot that runs has taken it up.")
    except IronclawError as error:
        _say(f"The bot that runs goes on with the tools it had: {error}\nRestart it.")


def _shown(found: Candidate, *, verbose: bool) -> Iterator[str]:
    """What an admin decides on; all of it is the toolbox's own word, except the digests and the signer."""
    box = found.box
    was = found.installed[0].toolbox.version if found.installed else ""
    yield f"{box.name} {box.version}, " + (f"in place of {was}" if was else "not installed yet")
    yield from (f"  {line}" for line in pins(box))
    changes = list(differences(found.installed, found.tools, verbose=verbose))
    yield "What changes (- goes, + comes); names, descriptions and schemas are the publisher's words:"
    yield from changes or ["nothing that a tool may do, and nothing that is said of one"]


def _is_confirmed() -> bool:
    """Whether somebody types yes; nobody there is a no."""
    with contextlib.suppress(EOFError):
        return input("Install this? Type yes: ").strip().lower() == "yes"
    return False


def _date(unix: int) -> str:
    return datetime.fromtimestamp(unix).astimezone().strftime("%Y-%m-%d")


def _tell(lines: Iterable[str]) -> None:
    for line in lines:
        print(printable(line))


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
