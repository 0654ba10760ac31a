"""Commands typed beside a local door, without the rest of the command line."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from ironclaw.settings import Settings
from ironclaw_bot.ending import told
from ironclaw_bot.local import Here


async def typed(here: Here, add_commands: Callable[..., None], *words: str) -> int:
    """What ``ironclaw`` does with these words.

    :param add_commands: a module's, as the command line calls it
    :return: the exit code
    """
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers()

    @asynccontextmanager
    async def door(_: Settings, *, begins: bool = False) -> AsyncIterator[Here]:
        yield here

    def add(name: str, command: Any, about: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=about)
        made.set_defaults(command=command)
        return made

    add_commands(add, door, told)
    chosen = parser.parse_args(words)
    return int(await chosen.command(Settings(), chosen))
