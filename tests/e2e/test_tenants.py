"""``ironclaw tenant`` beside a running bot: served at once, closed at once, gone for good."""

from __future__ import annotations

import json
import os
import pwd
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.canaries.marks import Marks
from tests.e2e.bot import Bot, running
from tests.fakes.tokens import ISSUER, Issuer

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]
ME = f"local:{pwd.getpwuid(os.getuid()).pw_name}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bot(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bot]:
    folder = tmp_path_factory.mktemp("tenants")
    keys = {"jwt_issuer": ISSUER, "jwt_jwks": str(ISSUED.write(folder / "jwks.json", "ed1"))}
    bot = Bot(folder, workers=1, tenants={"acme": {"approvers": [ME], "jwt": True}}, **keys)
    async with running(bot):
        yield bot


ISSUED = Issuer()


async def status(bot: Bot) -> int:
    """Of a request of acme's."""
    token = ISSUED.token("ed1", tenant_id="acme")
    return (await bot.get("/workflows", ("Authorization", f"Bearer {token}"))).status


async def test_added_while_it_runs(bot: Bot) -> None:
    """
    A tenant that is added is served by the bot that runs, and stands in the file for the next one.
    """
    added = await bot.command("tenant", "add", "globex", "--slack", "T2", "--approver", ME)
    asked = await bot.command("run", "--tenant", "globex", "files.list")
    twin = await bot.command("tenant", "add", "Globex")

    assert (0, 0, 1) == (added.code, asked.code, twin.code), (added, asked)
    assert "The bot has taken up: added globex." in added.out
    assert "differs in case only" in twin.err
    assert "[tenants.globex]" in (bot.folder / "ironclaw.toml").read_text()


async def test_closed_and_opened(bot: Bot) -> None:
    """
    Suspended, HTTP answers 403 and the command line says why; the list says it; resumed, all is as before.
    """
    before = await status(bot)
    await bot.command("tenant", "suspend", "acme")
    during = await status(bot)
    refused = await bot.command("run", "--tenant", "acme", "files.list")
    listed = await bot.command("tenant", "list")
    await bot.command("tenant", "resume", "acme")

    assert (200, 403, 200) == (before, during, await status(bot))
    assert (1, True) == (refused.code, "suspended here" in refused.err)
    assert "acme                     suspended" in listed.out


async def test_forgotten(bot: Bot) -> None:
    """
    The name has to be typed; then a receipt is printed, its table goes where that is wanted, and no file of
    the data directory holds a word of it.
    """
    marks = Marks()
    await bot.command("tenant", "add", "initech", "--approver", ME)
    path, text = marks.new("a name"), marks.new("a text")
    await bot.command("run", "--tenant", "initech", f"files.write path={path} text={text}")
    slip = await bot.command("tenant", "forget", "initech", typed="initec\n")
    done = await bot.command("tenant", "forget", "initech", "--settings", typed="initech\n")
    shown = await bot.command("tenant", "show", "initech")
    checked = await bot.command("audit", "verify")

    assert (1, 0, 0, 0) == (slip.code, done.code, shown.code, checked.code), (slip, done, checked)
    assert "Receipt: the tenant initech is forgotten" in done.out
    assert "1  rows of workflows" in done.out
    assert "initech" not in (bot.folder / "ironclaw.toml").read_text()
    assert [] == marks.under(bot.data)
    assert json.dumps(sorted(marks.made)) not in shown.out
