"""The command line on PostgreSQL: beside a bot, and where the database is away; no password is ever said."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest
from tests.e2e.bot import Bot, running
from tests.fakes.postgres import NOT_INSTALLED, Cluster, programs

from ironclaw_bot.local import LOCAL_TENANT

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.timeout(300),
    pytest.mark.skipif(programs() is None, reason=NOT_INSTALLED),
]
PASSWORD = "".join(("hunter", "-of-", "elephants"))
LOOKING = (("audit", "verify"), ("secrets", "list"), ("doctor",), ("policy", "record", "cases.toml"))


def bot(folder: Path, url: str, **settings: object) -> Bot:
    with_password = url.replace("ironclaw@", f"ironclaw:{PASSWORD}@")
    assert PASSWORD in with_password
    tenants = {LOCAL_TENANT: {"approvers": ["local:bo"]}}
    more = {"scratch_dir": folder / "shared", "workers": 1, "tenants": tenants, "log_level": "debug"}
    return Bot(folder, {"IRONCLAW_DATABASE_URL": with_password}, **{**more, **settings})


async def test_beside_a_bot(server: Cluster, tmp_path: Path) -> None:
    """
    The log is whole, secrets are kept, calls are recorded, and the doctor names the database.
    """
    async with running(bot(tmp_path, server.new_database())) as here:
        asked = await here.command("run", 'files.write path=a.md text="x"')
        kept = await here.command("secrets", "set", "token", "--host", "a.example", typed="v" * 12)
        said = await asyncio.gather(*(here.command(*words) for words in LOOKING))
        log = "\n".join(here.lines)
    everything = [log, *(each.out + each.err for each in (asked, kept, *said))]

    assert (3, 0, [0, 0, 0, 0]) == (asked.code, kept.code, [each.code for each in said])
    assert "intact" in said[0].out
    assert "token" in said[1].out
    assert "ok   the database is PostgreSQL 1" in said[2].out
    assert "ok   the secrets' key opens all that are kept: 1" in said[2].out
    assert "files.write" in (tmp_path / "cases.toml").read_text()
    assert [] == [text for text in everything if PASSWORD in text]


STARTING = (("serve",), ("migrate", "--from", "ironclaw.toml"))
ASKING = (("audit", "verify"), ("doctor",))


@pytest.mark.parametrize("how", ["away", "refused", "no address"])
async def test_it_cannot_be_used(server: Cluster, tmp_path: Path, how: str) -> None:
    """
    A database that cannot be used is told in a sentence, without its password and without a traceback.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url, sentence = {
        "away": (
            f"postgresql://ironclaw@127.0.0.1:{port}/x",
            f"cannot be used: nothing answers at 127.0.0.1:{port}.",
        ),
        "refused": (server.url("not_there"), 'cannot be used: database "not_there" does not exist.'),
        "no address": ("postgres//ironclaw@/x", "Begin it with postgresql://"),
    }[how]
    here = bot(tmp_path, url)
    # Who starts waits for a database that is away, as for one that restarts.
    commands = ASKING if how == "away" else (*ASKING, *STARTING)
    said = await asyncio.gather(*(here.command(*words) for words in commands))
    texts = [each.out + each.err for each in said]

    assert {1} == {each.code for each in said}
    assert [] == [text for text in texts if sentence not in text]
    assert [] == [text for text in texts if PASSWORD in text or "Traceback" in text]
