"""A question of the brain outlives the process that asked it: the real bot, killed, and the command line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tests.e2e.bot import Bot, running

pytestmark = pytest.mark.sandbox
CHOICES = ["staging", "production"]
SCRIPT = [{"question": {"text": "Which one?", "choices": CHOICES}}, {"answer": "It is done."}]


async def test_killed_while_it_waits(tmp_path: Path) -> None:
    """
    Asked, killed by SIGKILL and started again it is listed as before; one answer goes on, a second is late.
    (Two starts of the real bot: some seconds.)
    """
    script = tmp_path / "script.json"
    script.write_text(json.dumps(SCRIPT))
    bot = Bot(tmp_path / "bot", brain="script", brain_script=script, tenants={"T1": {}})
    async with running(bot):
        asked = await bot.command("run", "deploy")
        await bot.kill()
        await bot.start()
        listed = await bot.command("questions")
        found = re.match(r"([0-9a-f]{32})  Which one\?\n    - staging\n    - production\n", listed.out)
        assert found, listed
        answered = await bot.command("answer", found[1], "staging")
        late = await bot.command("answer", found[1], "production")

    assert (3, f"answer {found[1]} TEXT" in asked.out) == (asked.code, True)
    assert (0, "It is done.\n") == (answered.code, answered.out)
    assert (1, "answered already" in late.err) == (late.code, True)
