"""Every attack against the whole engine in this process: stopped, in time, and nobody else noticed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import structlog
from tests.probes import ATTACKS, guests
from tests.probes.attack import Attack, made
from tests.probes.world import NEIGHBOUR, SECRET, World, open_world

from ironclaw import audit
from ironclaw.registry import Registry

#: Tools that other tests use: they work, or need a host that answers.
WORK = ("echo", "work", "clock", "write", "read", "remove", "rewrite", "fetch", "send", "devour")
HARMLESS = {f"probe.{name}" for name in (*WORK, "http_flood")}
pytestmark = [pytest.mark.sandbox, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(
    built_toolboxes: Path, code_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    with structlog.testing.capture_logs():
        async with open_world(tmp_path_factory.mktemp("probes"), built_toolboxes, code_cache) as world:
            yield world


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: f"{attack.phrase}: {attack.name}")
async def test_attack(world: World, attack: Attack) -> None:
    """
    It ends as it must, within its time; the event loop is there, and the neighbour is served meanwhile.
    """
    row = await made(attack, world)

    assert row.fault is None


async def test_every_tool_is_tried(built_toolboxes: Path) -> None:
    """
    No tool of the malicious toolbox is forgotten.
    """
    tools = {tool.name for tool in Registry.load([built_toolboxes / "probe"]).tools}

    assert tools == {attack.name for attack in guests.ATTACKS} | HARMLESS


async def test_nobody_was_touched(world: World) -> None:
    """
    After all of it the neighbour's file is as it was, nobody was connected to, and both logs are whole.
    """
    database = world.folder / "data" / "ironclaw.db"

    assert SECRET == (world.scratch / NEIGHBOUR / "secret.txt").read_text()
    assert 0 == world.reached
    assert all(list(audit.events(database, tenant)) for tenant in ("T1", NEIGHBOUR))
