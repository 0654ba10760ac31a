"""``ironclaw demo``, as a process in a folder of its own."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

from tests.e2e.bot import Bot
from tests.integration.engine import shared_code


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Demo:
    """``ironclaw demo`` in a folder of its own, at an address that stays."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.words = ("demo", "--port", str(self.port))
        self.bot = Bot(folder, log_level="info")  # That it is ready is read off its log.
        self.notes = folder / ".ironclaw/demo/data/mnt/scratch/T0001/notes"
        # The tools that other tests have compiled are under their key; as on a machine's second start.
        (folder / ".ironclaw" / "demo").mkdir(parents=True, mode=0o700)
        if shared_code()["key_file"].exists():
            shutil.copy(shared_code()["key_file"], folder / ".ironclaw" / "demo" / "key")

    async def restart(self) -> None:
        await self.bot.stop()
        await self.bot.start(*self.words)
