"""Tenants where the rows are PostgreSQL's: suspended for every process, forgotten out of every table."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tests.canaries.filling import OP, fill, host
from tests.canaries.marks import Marks
from tests.fakes.postgres import NOT_INSTALLED, Cluster, programs
from tests.integration.engine import ask

from ironclaw.errors import Suspended

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.timeout(120),
    pytest.mark.skipif(programs() is None, reason=NOT_INSTALLED),
]


async def dumped(url: str) -> bytes:
    """Every row of every table, as text."""
    c = await asyncpg.connect(url)
    try:
        tables = await c.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        rows = [await c.fetch(f"SELECT t::text FROM {each['tablename']} t") for each in tables]
    finally:
        await c.close()
    return "\n".join(row[0] for found in rows for row in found).encode()


def shared(folder: Path, url: str) -> dict[str, Any]:
    return {"database_url": url, "scratch_dir": folder / "shared", "lease_seconds": 2}


async def test_forgotten(tmp_path: Path, built_toolboxes: Path, server: Cluster) -> None:
    """
    No row of any table, and no file, holds a mark of a forgotten tenant; the other's are all there.
    """
    url, marks = server.new_database(), {name: Marks() for name in ("T1", "T2")}
    async with host(tmp_path, built_toolboxes, **shared(tmp_path, url)) as app:
        for name, each in marks.items():
            await fill(app, name, each)
        before = await dumped(url)
        receipt = await app.tenants.forget("T1", OP)
    after = await dumped(url)

    assert marks["T1"].within(before)
    assert [] == marks["T1"].within(after) == marks["T1"].under(tmp_path)
    assert marks["T2"].within(before) == marks["T2"].within(after)
    assert any("write-ahead log" in each for each in receipt["stays"])


async def test_every_process_knows(tmp_path: Path, built_toolboxes: Path, server: Cluster) -> None:
    """
    What one process suspends, another keeps no task of at once, and turns away at its doors in a moment.
    """
    url = server.new_database()
    one, two = tmp_path / "one", tmp_path / "two"
    async with (
        host(one, built_toolboxes, **shared(tmp_path, url)) as first,
        host(two, built_toolboxes, **shared(tmp_path, url)) as second,
    ):
        await first.tenants.suspend("T1", OP)
        with pytest.raises(Suspended):
            await second.submit(ask("a b c"))
        async with asyncio.timeout(10):
            while not second.is_suspended("T1"):  # noqa: ASYNC110  # the other process tells nobody here
                await asyncio.sleep(0.05)
