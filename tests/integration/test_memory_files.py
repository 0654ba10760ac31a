"""The index in files: who may open it, what a crash costs, what is left after something was forgotten."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import stat
import struct
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.embeddings import FakeEmbeddings, by_digest
from tests.fakes.memory import files, meaning, opened, rows

from ironclaw.errors import IndexUnavailable
from ironclaw.recall import Indexed
from ironclaw_plugins.memory_qdrant import embedded
from ironclaw_plugins.memory_qdrant.indexes import Indexes
from ironclaw_plugins.memory_qdrant.lexical import Encoder
from ironclaw_plugins.memory_qdrant.naming import LEXICAL, point_id
from ironclaw_plugins.memory_qdrant.shard import Shard

ROOT = Path(__file__).parents[2]
CANARY = "zanzibarquux"


@pytest.fixture
async def memory(tmp_path: Path) -> AsyncIterator[Indexes]:
    async with files(tmp_path) as found:
        yield found


def program(body: str, *words: object) -> subprocess.Popen[str]:
    """Another process, which has ``memory``: an index in the folder of the first word."""
    head = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from tests.fakes.memory import opened, rows\n"
        "async def main():\n"
        "    memory = opened(Path(sys.argv[1]))\n"
    )
    source = head + "".join(f"    {line}\n" for line in body.splitlines()) + "asyncio.run(main())\n"
    return subprocess.Popen(
        [sys.executable, "-c", source, *map(str, words)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


async def test_a_second_process_is_refused(memory: Indexes, tmp_path: Path) -> None:
    """
    It is told so, and the first one goes on writing as if nothing had been.
    """
    await memory.of("acme").put(rows("billing deploys on Fridays"))
    second = program(
        "from ironclaw.errors import IndexUnavailable\n"
        "try:\n"
        "    print(await memory.of('acme').count())\n"
        "except IndexUnavailable as error:\n"
        "    print(error)",
        tmp_path,
    )
    said = (await asyncio.to_thread(second.communicate, timeout=30))[0]

    assert f"{embedded.TAKEN}\n" == said
    await memory.of("acme").put(rows("payroll runs at night", prefix="n"))
    assert 2 == await memory.of("acme").count()


async def test_a_second_owner_in_this_process_is_refused(memory: Indexes, tmp_path: Path) -> None:
    """
    It waits for nothing; once the first is closed it finds all that was written.
    """
    await memory.of("acme").put(rows("billing deploys on Fridays"))
    async with files(tmp_path) as second:
        with pytest.raises(IndexUnavailable, match="Another process"):
            await second.of("acme").search("billing", 5)
        await memory.close()

        assert ("m0",) == await second.of("acme").search("billing", 5)


@pytest.mark.parametrize("moment", ["update", "flush"])
async def test_killed_at_work(tmp_path: Path, moment: str) -> None:
    """
    Killed in the middle of a write or of a flush, at any time, it has all that put() returned for.
    """
    worker = program(
        "acme = memory.of('acme')\n"
        "for n in range(10_000):\n"
        "    await acme.put(rows(*(f'fact {n} {k} billing' for k in range(20)), prefix=f'b{n}-'))\n"
        "    print(n, flush=True)",
        tmp_path,
    )
    assert worker.stdout is not None
    # Most of a batch's time is its flush; right behind an answer the next write begins.
    for _ in range(12):
        await asyncio.to_thread(worker.stdout.readline)
    if moment == "flush":
        await asyncio.to_thread(time.sleep, 0.006)
    worker.send_signal(signal.SIGKILL)
    told = 12 + len((await asyncio.to_thread(worker.communicate))[0].splitlines())

    async with files(tmp_path) as memory:
        acme = memory.of("acme")
        found = [await acme.search(f"fact {n} {k}", 100) for n in range(told) for k in (0, 19)]
        assert told * 20 <= await acme.count() <= (told + 1) * 20
        assert all(found)


def has_trace(folder: Path, marks: list[bytes]) -> list[str]:
    """Files in which one of these stands, with what."""
    return [
        f"{path.relative_to(folder)}: {mark!r}"
        for path in folder.rglob("*")
        if path.is_file()
        for mark in marks
        if mark in path.read_bytes()
    ]


def marks(text: str, row: str) -> list[bytes]:
    """All that says that a memory was here: its words, their numbers, its id, its point, its meaning."""
    numbers = [struct.pack("<I", number) for number in Encoder().document(text).indices]
    vector = struct.pack("<4f", *by_digest(text)[:4])
    plain = [word.encode() for word in text.split()]
    return [*plain, *numbers, row.encode(), vector, point_id("acme", row).encode()]


@pytest.mark.parametrize("how", ["remove", "clear"])
async def test_forgotten_is_gone_from_every_file(tmp_path: Path, how: str) -> None:
    """
    Neither the text nor its words' numbers nor its ids can be read in any file; before, they could.
    """
    async with FakeEmbeddings(by_digest) as server, files(tmp_path, **meaning(server)) as memory:
        acme = memory.of("acme")
        await acme.put([*rows("billing deploys on Fridays"), Indexed("secret-row", CANARY)])
        before = has_trace(tmp_path, marks(CANARY, "secret-row"))
        await (acme.remove(["secret-row"]) if how == "remove" else acme.clear())

        assert [CANARY] == [each for each in server.texts if CANARY in each]
        assert {"page_0.dat", "open-1"} & {Path(each.split(":")[0]).name for each in before}
        assert [] == has_trace(tmp_path, marks(CANARY, "secret-row"))
        assert (("m0",) if how == "remove" else ()) == await acme.search("billing Friday", 5)


async def test_the_others_keep_all_when_one_is_forgotten(tmp_path: Path) -> None:
    """
    Copied without their texts, more than one page of them, they answer as before, by meaning too.
    """
    many = rows(*(f"service{n} listens on port{n}" for n in range(1_100)))
    asked = [memory.text for memory in many[3::100]]
    async with FakeEmbeddings(by_digest) as server, files(tmp_path, **meaning(server)) as memory:
        acme = memory.of("acme")
        await acme.put(many)
        before = [await acme.search(text, 1) for text in asked]
        await acme.remove(["m0", "m1"])

        assert [(f"m{n}",) for n in range(3, 1_100, 100)] == before
        assert before == [await acme.search(text, 1) for text in asked]
        assert (1_098, 1_100 + 2 * len(asked)) == (await acme.count(), len(server.texts))


async def test_another_version_leaves_nothing_of_the_one_before(tmp_path: Path) -> None:
    """
    What is forgotten now must not stand in the files of a version that nobody asks any more.
    """
    async with files(tmp_path) as memory:
        await memory.of("acme").put(rows(CANARY))
    async with FakeEmbeddings() as server, files(tmp_path, **meaning(server)) as memory:
        assert 0 == await memory.of("acme").count()

    assert [] == has_trace(tmp_path, marks(CANARY, "m0"))


async def test_what_crashes_left_is_removed(tmp_path: Path) -> None:
    """
    A shard half built, one that was replaced, a tenant half removed: gone at the next start.
    """
    async with files(tmp_path) as memory:
        await memory.of("acme").put(rows("billing deploys on Fridays"))
    home = tmp_path / "memory" / "acme" / LEXICAL
    os.rename(home / "00000001", home / "00000002")
    for left in (home / "fresh", home / "00000001", tmp_path / "memory" / ".gone-1"):
        left.mkdir()
        (left / "wal").write_text(CANARY)
    async with files(tmp_path) as memory:
        assert ("m0",) == await memory.of("acme").search("billing", 5)

    assert [] == has_trace(tmp_path, [CANARY.encode()])
    assert ["00000002"] == [each.name for each in home.iterdir()]


async def test_others_on_the_machine_read_nothing(memory: Indexes, tmp_path: Path) -> None:
    """
    Every folder down to the shard is its owner's alone.
    """
    await memory.of("acme").put(rows("billing"))
    folders = [tmp_path / "memory", tmp_path / "memory/acme", tmp_path / "memory/acme" / LEXICAL]

    assert [0o700] * 3 == [stat.S_IMODE(each.stat().st_mode) for each in folders]
    assert 0o600 == stat.S_IMODE((tmp_path / "memory/.lock").stat().st_mode)


@pytest.mark.parametrize("name", ["acme", f"acme/{LEXICAL}", ".lock"])
async def test_a_link_is_not_followed(tmp_path: Path, name: str) -> None:
    """
    Who can put a link into the folder cannot have the index written, or removed, elsewhere.
    """
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").write_text("kept")
    link = tmp_path / "data" / "memory" / name
    link.parent.mkdir(parents=True, mode=0o700)
    link.symlink_to(elsewhere)
    async with files(tmp_path / "data") as memory:
        with pytest.raises(IndexUnavailable):
            await memory.of("acme").put(rows("billing"))
        with contextlib.suppress(IndexUnavailable):
            await memory.of("acme").clear()

    assert ["kept"] == [each.name for each in elsewhere.iterdir()]


async def test_a_broken_shard(tmp_path: Path) -> None:
    """
    It says so and what to do, others' go on, and clearing it mends it.
    """
    async with files(tmp_path) as memory:
        await memory.of("acme").put(rows("billing"))
    for path in (tmp_path / "memory/acme").rglob("segment.json"):
        path.write_text("{")
    async with files(tmp_path) as memory:
        acme = memory.of("acme")
        with pytest.raises(IndexUnavailable, match="ironclaw memory reindex"):
            await acme.search("billing", 5)
        await memory.of("umbra").put(rows("billing"))
        await acme.clear()
        await acme.put(rows("billing"))

        assert ("m0",) == await acme.search("billing", 5)


@pytest.mark.parametrize("broken", ["put", "search"])
async def test_after_an_error_it_is_opened_anew(
    memory: Indexes, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """
    As after a flush that failed: the caller is told, and the next call finds all that was flushed.
    """

    def failed(*_: Any) -> None:
        raise OSError("Tracker journal is shorter than expected")

    acme = memory.of("acme")
    await acme.put(rows("billing"))
    with monkeypatch.context() as patch:
        patch.setattr(Shard, broken, failed)
        with pytest.raises(IndexUnavailable, match="opened anew"):
            await (acme.put(rows("x", prefix="x")) if broken == "put" else acme.search("billing", 5))

    assert ("m0",) == await acme.search("billing", 5)
    await acme.put(rows("payroll", prefix="p"))
    assert 2 == await acme.count()


async def test_few_are_open(tmp_path: Path) -> None:
    """
    Many tenants need no more than so many open shards, and each finds its own.
    """
    shelf = embedded.EdgeShelf(tmp_path / "memory", LEXICAL, 0, most_open=2)
    memory = Indexes(lambda: shelf, None, "v")
    for n in range(6):
        await memory.of(f"t{n}").put(rows("billing", prefix=f"t{n}-"))
        assert len(shelf._open) <= 2
    found = await asyncio.gather(*(memory.of(f"t{n}").search("billing", 5) for n in range(6)))
    await memory.close()

    assert [(f"t{n}-0",) for n in range(6)] == found


async def test_whoever_gives_up_leaves_no_disorder(memory: Indexes) -> None:
    """
    A write that nobody waits for any more is finished before the next one begins.
    """
    acme = memory.of("acme")
    for n in range(20):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.001):
                await acme.put(rows(*(f"billing {k}" for k in range(50)), prefix=f"b{n}-"))
    await acme.put(rows("payroll"))

    assert ("m0",) == await acme.search("payroll", 5)
    assert 1 == await acme.count() % 50


async def test_closed(tmp_path: Path) -> None:
    """
    What comes after the close is refused; what was under way has ended.
    """
    memory = opened(tmp_path)
    writing = asyncio.ensure_future(memory.of("acme").put(rows("billing")))
    await asyncio.sleep(0)
    await memory.close()
    await asyncio.wait([writing])
    with pytest.raises(IndexUnavailable, match="closed"):
        await memory.of("acme").put(rows("payroll"))

    async with files(tmp_path) as again:
        assert (0 if writing.exception() else 1) == await again.of("acme").count()


async def test_the_loop_goes_on_while_it_searches(memory: Indexes) -> None:
    """
    Eight searches in 10,000 memories, and a write, hold the others up for less than 50 ms.
    """
    texts = (f"service{n % 700} of team{n % 90} listens on port{n}" for n in range(10_000))
    await memory.of("acme").put(rows(*texts))
    # The best of five: another program on the machine can only make it longer.
    assert min([await stall_of_eight(memory) for _ in range(5)]) < 0.05


async def stall_of_eight(memory: Indexes) -> float:
    """Seconds that the loop was away at most: half of the questions are short, and half are long."""
    question = "which service of team7 listens on port77"
    stall = asyncio.ensure_future(longest_stall())
    await asyncio.sleep(0)
    await asyncio.gather(
        *(memory.of("acme").search(question + " x" * 200 * (n % 2), 10) for n in range(8)),
        memory.of("umbra").put(rows("billing")),
    )
    stall.cancel()
    return await stall


async def longest_stall() -> float:
    """How long the loop was away at most, until it is cancelled."""
    longest, last = 0.0, time.perf_counter()
    with contextlib.suppress(asyncio.CancelledError):
        while True:
            await asyncio.sleep(0)
            longest, last = max(longest, time.perf_counter() - last), time.perf_counter()
    return longest
