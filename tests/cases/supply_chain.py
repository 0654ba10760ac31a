"""Attacks on what the bot is made of: toolboxes, signatures, archives, compiled code, plugins."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from typing import Any

from ironclaw_bot.build import Progress, build
from tests.cases import _supply_ci, _supply_code, _supply_forms, _supply_plugins, _supply_toolboxes

FILE = "supply_chain_cases.json"
GROUPS = (_supply_ci, _supply_toolboxes, _supply_forms, _supply_code, _supply_plugins)
PLAYED = {name: play for group in GROUPS for name, play in group.CASES.items()}


async def cases(data: dict[str, Any]) -> AsyncIterator[tuple[str, str | None]]:
    """(case id, None or what went wrong) for each case that can be played here."""
    build(("standard",), Progress(io.StringIO()))
    for case in data["cases"]:
        play = PLAYED.get(case["id"])
        yield case["id"], await play() if play else "nobody plays this attack"
