"""``ironclaw memory``, as one types it."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.e2e.bot import Bot

TENANT = {"approvers": []}


async def test_from_remembering_to_forgetting(tmp_path: Path) -> None:
    """
    A fact is added, listed, exported, explained and forgotten; forgetting many asks, and without a terminal
    does nothing; afterwards no file has it.  (Each command opens an engine of its own: ten seconds.)
    """
    bot = Bot(tmp_path, workers=1, tenants={"acme": TENANT})
    added = await bot.command("memory", "add", "The canary zq8 runs beside billing", "--for", "everybody")
    [memory] = re.findall(r"m-[0-9a-f]{16}", added.out)
    listed, exported = await bot.command("memory", "list"), await bot.command("memory", "export")
    unsure = await bot.command("memory", "forget", "--everything")
    gone = await bot.command("memory", "forget", memory)
    left = [each.name for each in bot.data.rglob("*") if each.is_file() and b"zq8" in each.read_bytes()]

    assert "Search: lexical memory" in listed.out
    assert memory == json.loads(exported.out)["id"]
    assert (1, "Nothing was forgotten") == (unsure.code, unsure.err.strip()[:21])
    assert "Forgotten: 1 memory" in gone.out
    assert [] == left
