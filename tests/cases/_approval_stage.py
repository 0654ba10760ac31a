"""What all scenarios of approvals share: a Slack, an internet that counts, an issuer of tokens, a sandbox.

Each scenario gets an empty database and a first morning in Slack.  Only the sandbox lives on: starting its
worker is what takes the time, and it keeps nothing of a call.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from ironclaw.app import compose
from ironclaw.sandbox import Sandbox
from ironclaw_bot.playground import Playground
from tests.cases._approval_toolbox import EFFECTS, write_toolboxes
from tests.fakes.tokens import Issuer
from tests.fakes.web import PUBLIC, Web, web

SECRET = "s" * 32
TOKENS = {"T0001": "-".join(("xoxb", "one")), "T0002": "-".join(("xoxb", "two"))}
CHANNEL = "ops"


class KeptSandbox:
    """A sandbox that the engines of all scenarios use, one after the other."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.prepare = sandbox.prepare
        self.call = sandbox.call

    async def close(self) -> None:
        """Not yet: the next scenario's engine needs it."""


@dataclass
class Stage:
    """What is there before a scenario begins."""

    folder: Path
    internet: Web
    slack: Playground
    issuer: Issuer = field(default_factory=Issuer)

    def clear(self) -> None:
        """The first morning again: no rows, no files, no messages, nothing sent."""
        for each in (*self.folder.glob("data/ironclaw.db*"), *self.folder.glob("checkpoints.*")):
            each.unlink()
        for each in self.folder.glob("data/mnt/scratch/*/*"):
            each.unlink()
        shutil.rmtree(self.folder / "boxes", ignore_errors=True)
        write_toolboxes(self.folder / "boxes")
        self.slack.reset()
        self.internet.meet({EFFECTS: [[PUBLIC]]})

    def person(self, user: str, team: str, *, home: str = "", **flags: Any) -> str:
        """Somebody in a workspace and in its channels; they stay as they are when they are there.

        :param user: as a scenario names them, such as U_APP
        :param home: the workspace of somebody of another company
        :return: their id, such as UAPP
        """
        place, user_id = self.slack.world.team(team), user.replace("_", "")
        if user_id not in place.users:
            words = {"id": user_id, "name": user_id.lower(), "real_name": user, "team_id": home or team}
            stranger = {"is_stranger": True} if home else {}
            somebody = dict(next(iter(place.users.values())))
            place.users[user_id] = {**somebody, "is_bot": False, **words, **stranger, **flags}
            for channel in (place.channel(CHANNEL), place.channel("general")):
                channel.members.append(user_id)
        return user_id

    def write(self, tenant: str, name: str, text: str) -> None:
        """A file in the tenant's workspace."""
        file = self.folder / "data" / "mnt" / "scratch" / tenant / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")

    def back_up(self, database: Path) -> None:
        """A copy of the database as it is now, in place of the one before."""
        with (
            closing(sqlite3.connect(database)) as c,
            closing(sqlite3.connect(self.folder / "backup.db")) as copy,
        ):
            c.backup(copy)

    def restore(self, database: Path) -> None:
        """The copy in place of the database, which nobody has open."""
        for each in database.parent.glob(f"{database.name}*"):
            each.unlink()
        shutil.copyfile(self.folder / "backup.db", database)


@contextlib.asynccontextmanager
async def opened() -> AsyncIterator[Stage]:
    """The stage, until the block ends."""
    kept: list[Sandbox] = []

    async def shared(*arguments: Any) -> KeptSandbox:
        if not kept:
            kept.append(await real(*arguments))
        return KeptSandbox(kept[0])

    real = compose._sandbox
    playground = Playground(
        signing_secret=SECRET, bot_token=TOKENS["T0001"], second_bot_token=TOKENS["T0002"], sleep=_no_sleep
    )
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(compose, "_sandbox", shared):
        async with web(Path(folder), [EFFECTS]) as internet:
            await playground.start()
            try:
                yield Stage(Path(folder), internet, playground)
            finally:
                await playground.stop()
                for sandbox in kept:
                    await sandbox.close()


async def _no_sleep(seconds: float) -> None:
    return None
