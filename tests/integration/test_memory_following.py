"""The index of memories follows their record over whatever it loses, and whatever is killed."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest
from tests.fakes import embeddings, memory
from tests.fakes.clock import Clock
from tests.integration.desk import FACT, WORDS, Broken, Desk

from ironclaw.app.memory_index import FIRST_PAUSE, LOOK
from ironclaw.errors import IndexUnavailable
from ironclaw.recall import Indexed
from ironclaw.store import Store
from ironclaw.task import Principal


async def test_an_index_that_was_away(desk: Desk) -> None:
    """
    What could not be indexed, or removed, is tried again later: nothing is lost, and nothing stays.
    """
    broken = Broken(desk.indexes, left=1)
    desk.over(broken)
    mine = await desk.said()
    at_once = await desk.indexes.of("T1").count()
    desk.clock.at += FIRST_PAUSE
    await desk.indexing.keep_up()
    later = await desk.indexes.of("T1").count()
    broken.left = 1
    with pytest.raises(IndexUnavailable, match="as soon as it can"):
        await desk.memories.forget(Principal("T1", "slack:T1:U_ADA"), [mine])
    still = await desk.indexes.of("T1").count()
    desk.clock.at += FIRST_PAUSE
    await desk.indexing.keep_up()

    assert (0, 1, 1, 0) == (at_once, later, still, await desk.indexes.of("T1").count())


async def test_another_version(desk: Desk) -> None:
    """
    What another version of the index has is put into this one by itself.
    """
    mine = await desk.said()
    await desk.indexes.of("T1").clear()
    desk.over(Broken(desk.indexes, version="another"))
    await desk.indexing.keep_up()
    [row] = await desk.store.memories.all("T1")

    assert ([mine], "another") == (await desk.found(), row.index_version)


@pytest.mark.parametrize("ghosts", [False, True])
async def test_an_index_that_differs(desk: Desk, ghosts: bool) -> None:
    """
    An index that has lost memories, or has some that nobody knows, is made anew by itself.
    """
    mine = await desk.said()
    await desk.indexing.keep_up()
    if ghosts:
        await desk.indexes.of("T1").put([Indexed("m-ghost", FACT)])
    else:
        await desk.indexes.of("T1").clear()
    desk.clock.at += LOOK
    await desk.indexing.keep_up()

    assert ([mine], 1) == (await desk.found(), await desk.indexes.of("T1").count())


async def test_reindexed(desk: Desk) -> None:
    """
    The index is made anew from the record, which alone knows the texts.
    """
    for number in range(3):
        await desk.said(f"{FACT} {number}")
    await desk.indexes.of("T1").clear()

    assert (3, 3) == (await desk.indexing.reindex("T1"), len(await desk.found()))


async def test_meanings_come_later(tmp_path: Path) -> None:
    """
    A memory whose meaning cannot be had is found by its words at once, and by its meaning once the server of
    embeddings is there again.
    """
    async with embeddings.FakeEmbeddings() as server:
        store = await Store.open(tmp_path / "ironclaw.db")
        server.status = 503
        async with memory.files(tmp_path / "data", **memory.meaning(server)) as indexes:
            desk = Desk(store, indexes, Clock(), tmp_path)
            mine = await desk.said()
            by_words, waits = await desk.found(), await store.memory_jobs.left("T1")
        server.status = 200
        async with memory.files(tmp_path / "data", **memory.meaning(server)) as indexes:
            desk.over(indexes)
            desk.clock.at += 3600
            await desk.indexing.keep_up()
            left, [row] = await store.memory_jobs.left("T1"), await store.memories.all("T1")
        await store.close()

    assert ([mine], 1, 0, indexes.version) == (by_words, waits, left, row.index_version)


PROGRAM = """
import asyncio, os, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.integration.desk import Clock, Desk, Store, memory

async def main():
    folder = Path(sys.argv[1])
    store = await Store.open(folder / "ironclaw.db")
    async with memory.files(folder / "data") as indexes:
        desk = Desk(store, indexes, Clock(), folder)
        for number in range(1000):
            mine = await desk.said(f"Billing is deployed on Tuesdays {{number}}")
            if number % 3 == 2:
                from ironclaw.task import Principal
                await desk.memories.forget(Principal("T1", "slack:T1:U_ADA"), [mine])
                print("-", mine, flush=True)
            else:
                print("+", mine, flush=True)

asyncio.run(main())
"""


async def test_killed_at_any_moment(tmp_path: Path) -> None:
    """
    Whatever was said to be remembered is there and is found after kill -9, and what was forgotten is not.
    (Two seconds: three lives of a process.)
    """
    told: dict[str, str] = {}
    for count in (7, 11, 4):
        program = PROGRAM.format(root=str(Path(__file__).parents[2]))
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, str(tmp_path), stdout=asyncio.subprocess.PIPE
        )
        assert child.stdout
        for _ in range(count):
            sign, memory_id = (await child.stdout.readline()).decode().split()
            told[memory_id] = sign
        child.send_signal(signal.SIGKILL)
        await child.wait()
    store = await Store.open(tmp_path / "ironclaw.db")
    async with memory.files(tmp_path / "data") as indexes:
        desk = Desk(store, indexes, Clock(), tmp_path)
        desk.clock.at += LOOK
        await desk.indexing.keep_up()
        await desk.indexing.keep_up()
        there = {each.id for each in await store.memories.all("T1")}
        found = set(await indexes.of("T1").search(WORDS, 100))
    await store.close()

    assert {key for key, sign in told.items() if sign == "+"} <= there
    assert not {key for key, sign in told.items() if sign == "-"} & there
    assert there == found
