"""Mistakes that people make with a real command: it says what happened and what to do, and ends."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.e2e.bot import Bot
from tests.e2e.children import SCRIPT

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(120)]


@pytest.fixture
def bot(tmp_path: Path) -> Bot:
    return Bot(tmp_path, workers=1)


def typed(bot: Bot, *words: str) -> tuple[int, str]:
    """A command's exit code and what it said on standard error; standard input is /dev/null."""
    said = subprocess.run(
        [SCRIPT, *words],
        cwd=bot.folder,
        env=bot.environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return said.returncode, said.stdout + said.stderr


@pytest.mark.parametrize("command", ["serve", "status", "doctor"])
def test_damaged_database(bot: Bot, command: str) -> None:
    """
    What is no database ends a command with the way back: nothing hangs, as a service would without a restart.
    """
    bot.data.mkdir(parents=True, mode=0o700)
    (bot.data / "ironclaw.db").write_bytes(b"no database" * 1000)
    code, said = typed(bot, command)

    assert 1 == code
    assert "file is not a database" in said
    assert "`ironclaw restore FILE`" in said


def test_mcp_without_a_client(bot: Bot) -> None:
    """
    ironclaw mcp, started by a person or from a script, says by whom it is started; no traceback.
    """
    said = "ironclaw mcp is started by an MCP client, which speaks to it by pipes; these are none."

    assert (1, f"ironclaw: {said}\n") == typed(bot, "mcp")


@pytest.mark.parametrize(
    "command",
    ["approvals", "status", "approve 0", "schedule list", "memory list", "tenant list", "user list"],
)
def test_another_folder(bot: Bot, command: str) -> None:
    """
    Where no bot has run there is nothing to look at: it says so, and where it looked.
    """
    code, said = typed(bot, *command.split())

    assert 1 == code
    assert f"No bot has run here: there is no database in {bot.data}. Go to the bot's folder" in said
    assert not bot.data.exists()


def test_no_such_toolboxes(tmp_path: Path) -> None:
    """
    A folder of toolboxes that is not there is a wrong setting, by its name.
    """
    bot = Bot(tmp_path, toolboxes=["nope"])

    assert (2, "ironclaw: toolboxes: nope: there is no such folder. Make it, or take it out.\n") == typed(
        bot, "serve"
    )


def test_reload_of_nothing_new(bot: Bot) -> None:
    """
    ironclaw tenant reload says so where ironclaw.toml holds nothing new, instead of nothing.
    """
    typed(bot, "run", "files.list")

    assert (0, "Nothing in ironclaw.toml is new to the bot.\n") == typed(bot, "tenant", "reload")
