"""``ironclaw tool list`` and ``tool show``: every tool there is, wherever it runs, with a bot and without."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.bot import Bot, running
from tests.e2e.test_cli import TENANT
from tests.integration.mcp_world import PYTHON, SERVERS

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(300)]
NOT_KNOWN = "whether it is connected is not known: no bot is running"


def a_bot(folder: Path) -> Bot:
    program: dict[str, Any] = {"command": sys.executable, "args": [str(SERVERS / "hostile.py"), "plain"]}
    servers = {"bad": {**program, "read": PYTHON}}
    return Bot(folder, workers=1, tenants={"acme": TENANT}, mcp_servers=servers)


async def test_memory(tmp_path: Path) -> None:
    """
    The engine's own tools are listed and shown with where they run, and run without a bot.
    """
    bot = Bot(tmp_path, workers=1, tenants={"acme": TENANT})
    listed, shown = await bot.command("tool", "list"), await bot.command("tool", "show", "memory.search")
    said = await bot.command("run", "memory.search words=canary")
    wrong = await bot.command("run", "memory.serach words=canary")

    assert re.search(r"^memory\.search +low +in the engine itself$", listed.out, re.MULTILINE)
    assert ("memory.search  risk low, effect pure" in shown.out, 0) == (True, said.code)
    assert "There is no tool called 'memory.serach' here; near names: memory.search" in wrong.err


async def test_a_server_without_a_bot(tmp_path: Path) -> None:
    """
    Of an MCP server's tools the list says what people approved, and that nobody knows whether it is there.
    """
    bot = a_bot(tmp_path)
    before, doctor = await bot.command("tool", "list"), await bot.command("doctor")
    none = await bot.command("tool", "run", "bad.look_up")
    await bot.command("mcp-server", "approve", "bad", "--yes")
    listed, shown = await bot.command("tool", "list"), await bot.command("tool", "show", "bad")
    asked = await bot.command("tool", "run", "bad.look_up")

    assert "MCP server bad: nobody has approved its tools. See them with: ironclaw mcp-" in before.out
    assert f"note MCP server bad: nobody has approved its tools; {NOT_KNOWN}" in doctor.out
    assert (1, True) == (none.code, "Its MCP server: nobody has approved its tools." in none.err)
    assert re.search(r"^bad\.look_up +high +MCP server bad \(stdio: \S+\)$", listed.out, re.MULTILINE)
    assert f"MCP server bad: {NOT_KNOWN}. A command that uses it connects it." in listed.out
    assert (True, 3) == ("  runs       MCP server bad (stdio: " in shown.out, asked.code)


async def test_a_server_beside_a_bot(tmp_path: Path) -> None:
    """
    A bot that runs says what is there: its tools are listed once they are offered.
    """
    async with running(a_bot(tmp_path)) as bot:
        before = await bot.command("tool", "list")
        await bot.command("mcp-server", "approve", "bad", "--yes")
        listed, doctor = await bot.command("tool", "list"), await bot.command("doctor")

    assert ("bad.look_up" in before.out, "MCP server bad: nobody has approved" in before.out) == (False, True)
    assert re.search(r"^bad\.look_up +high +MCP server bad ", listed.out, re.MULTILINE)
    assert ("not known" in listed.out + doctor.out, "ok   MCP server bad\n" in doctor.out) == (False, True)
