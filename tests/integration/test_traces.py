"""Traces: what a model says, turn by turn, and what the engine makes of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.traces.playing import FOLDER, NAMES, OUTCOME, Stage, play, stage

pytestmark = [pytest.mark.sandbox, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def played_on(tmp_path_factory: pytest.TempPathFactory, built_toolboxes: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path_factory.mktemp("traces"), built_toolboxes) as found:
        yield found


EXPECTED = {name: json.loads((FOLDER / f"{name}{OUTCOME}").read_text()) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
async def test_trace(played_on: Stage, name: str) -> None:
    """
    The same turns of a model have the same outcome: calls, verdicts, what people are told, what was written.
    """
    assert EXPECTED[name] == await play(played_on, name)


async def test_no_outcome_without_a_driver() -> None:
    """
    Each file is played.
    """
    assert set(NAMES) == {path.name.removesuffix(OUTCOME) for path in FOLDER.glob(f"*{OUTCOME}")}
