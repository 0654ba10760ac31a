"""What the end-to-end tests start is what the console script starts."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from pathlib import Path

import pytest
from tests.e2e.bot import Bot, Said, running
from tests.e2e.children import SCRIPT, start


@pytest.mark.parametrize("words", [("version",), ("dance",), ("run", "help")], ids=" ".join)
async def test_as_the_script(words: tuple[str, ...], tmp_path: Path) -> None:
    """
    A fork of the nursery prints what the script prints, and ends as it does.
    """
    bot = Bot(tmp_path, workers=1)
    done = await asyncio.to_thread(
        subprocess.run, [SCRIPT, *words], cwd=tmp_path, env=bot.environ, capture_output=True, text=True
    )

    assert Said(done.returncode, done.stdout, done.stderr) == await bot.command(*words)


async def test_one_thread(tmp_path: Path) -> None:
    """
    The process that forks has one thread: a lock that another one held would stay held in each fork.
    """
    bot = Bot(tmp_path, workers=1)
    async with running(bot):
        keeper = _parent(bot.pid)

        assert ["1", "1"] == [_status(each)["Threads"] for each in (keeper, _parent(keeper))]


async def test_killed(tmp_path: Path) -> None:
    """
    A signal ends it, and which one it was is told.
    """
    child = await start("serve", folder=tmp_path, environ={"HOME": str(tmp_path)})
    child.kill()
    await child.communicate()

    assert -signal.SIGKILL == child.returncode


def _parent(pid: int) -> int:
    return int(_status(pid)["PPid"])


def _status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
