"""``python -m tests.traces.rewrite`` after a wanted change; then read the difference."""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path

from ironclaw_bot.build import built_folder
from tests.traces.playing import FOLDER, NAMES, OUTCOME, play, stage


async def main() -> None:
    """Write every outcome, remove those whose driver is gone."""
    for path in FOLDER.glob(f"*{OUTCOME}"):
        if path.name.removesuffix(OUTCOME) not in NAMES:
            path.unlink()
    with tempfile.TemporaryDirectory() as folder:
        async with stage(Path(folder), built_folder()) as found:
            for name in NAMES:
                text = json.dumps(await play(found, name), indent=2, ensure_ascii=False)
                (FOLDER / f"{name}{OUTCOME}").write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main())
