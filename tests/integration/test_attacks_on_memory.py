"""Attacks on memory: bytes that outlive forgetting, a server of embeddings that bursts, closed tenants."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import sqlite3
from pathlib import Path

from aiohttp import web
from tests.integration.engine import ADA, Moves, approver, ask, moves, wants
from tests.integration.test_attacks_on_brain import Peak
from tests.integration.test_memories import FACT, QUESTION, remembering, said
from tests.integration.test_memory_forgetting import DAY, Clock, keeping
from tests.integration.test_memory_forgetting import remembering as timed

from ironclaw.errors import IronclawError
from ironclaw.memory import Visibility
from ironclaw.settings import Settings
from ironclaw.task import Conversation, Decision, Move, Principal, ProposedCall
from ironclaw_plugins.memory_qdrant.embedder import Embedder

MIB = 1 << 20


def places(folder: Path, words: str) -> list[str]:
    """TABLE.COLUMN of each text of the database that holds the words."""
    found = []
    with contextlib.closing(sqlite3.connect(folder / "data" / "ironclaw.db")) as c:
        for (table,) in c.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for column in [row[1] for row in c.execute(f"PRAGMA table_info({table})").fetchall()]:
                rows = c.execute(f"SELECT CAST({column} AS TEXT) FROM {table}").fetchall()
                found += [f"{table}.{column}" for (text,) in rows if text and words in text]
    return found


class Thinking:
    """Answers with what it was reminded of, when it may."""

    def __init__(self) -> None:
        self.asked, self.may_go = asyncio.Event(), asyncio.Event()

    async def plan(self, conversation: Conversation) -> Move:
        given = "".join(each.text for each in conversation.messages if each.source == "memory")
        self.asked.set()
        await self.may_go.wait()
        return Move(answer=f"I was told: {given}")


async def test_forgotten_out_of_previews(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A brain that was reminded of a memory writes it into a file, which a person approves by a preview of its
    lines.  Forgotten, it is out of the call's arguments and out of the preview, which is a row and was never
    the file.
    """
    brain = Moves(moves(wants("files.write", path="a.txt", text=FACT)))
    async with remembering(tmp_path, brain, built_toolboxes) as app:
        memory = await said(app)
        paused = await app.wait("T1", await app.submit(ask(QUESTION)), 30)
        assert paused.approval is not None
        await app.decide(approver(), paused.approval.id, Decision.APPROVE)
        await app.wait("T1", paused.id, 30)
        await app.memories.forget(Principal("T1", ADA), [memory])

    assert [] == places(tmp_path, FACT)


async def test_forgotten_out_of_the_thread(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    The first task of a thread is reminded of a memory and answers with its words.  The second one, which was
    not reminded of it, sees that answer and repeats it: forgetting goes through both.
    """
    brain = Moves(Move(answer=FACT))
    async with remembering(tmp_path, brain, built_toolboxes) as app:
        memory = await said(app)
        await app.wait("T1", await app.submit(ask(QUESTION, thread="t")), 30)
        await app.wait("T1", await app.submit(ask("zzz qqq", thread="t")), 30)
        await app.memories.forget(Principal("T1", ADA), [memory])

    assert [] == places(tmp_path, FACT)


async def test_forgotten_while_people_were_asked(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A call that waits for people holds a memory's words when the memory is forgotten: they are bound to its
    bytes.  Once it is denied and its workflow has ended, the words are gone.
    """
    brain = Moves(moves(wants("files.write", path="a.txt", text=FACT)), Move(answer="done"))
    async with remembering(tmp_path, brain, built_toolboxes) as app:
        memory = await said(app)
        paused = await app.wait("T1", await app.submit(ask(QUESTION)), 30)
        assert paused.approval is not None
        await app.memories.forget(Principal("T1", ADA), [memory])
        await app.decide(approver(), paused.approval.id, Decision.DENY)
        await app.wait("T1", paused.id, 30)
        await app._remembering.keeping.sweep()

    assert [] == places(tmp_path, FACT)


async def test_forgotten_while_the_brain_thinks(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A brain was reminded, and thinks; meanwhile the memory is forgotten.  Its answer, made of the words, is
    never written: it is asked anew, with what is left.
    """
    brain = Thinking()
    async with remembering(tmp_path, brain, built_toolboxes) as app:
        memory = await said(app)
        workflow = await app.submit(ask(QUESTION))
        await brain.asked.wait()
        await app.memories.forget(Principal("T1", ADA), [memory])
        brain.may_go.set()
        await app.wait("T1", workflow, 30)

    assert [] == places(tmp_path, FACT)


async def test_suspended_tenant_remembers_nothing(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Nothing is done for a tenant that the operator has suspended: nothing is remembered either.
    """
    async with remembering(tmp_path, Moves(), built_toolboxes) as app:
        await app.tenants.suspend("T1", "local:op")
        with contextlib.suppress(IronclawError):
            await app.memories.remember(Principal("T1", ADA), FACT, Visibility.EVERYBODY)

    assert [] == places(tmp_path, FACT)


async def test_embeddings_that_unpack_to_all_memory() -> None:
    """
    A refusal of a server of embeddings that unpacks to 300 MiB takes no memory: it is not unpacked.
    """
    body = gzip.compress(gzip.compress(b"\0" * (300 * MIB), 9), 9)

    async def say(_: web.Request) -> web.Response:
        headers = {"Content-Encoding": "gzip, gzip", "Content-Type": "application/json"}
        return web.Response(status=400, headers=headers, body=body)

    app = web.Application()
    app.router.add_post("/v1/embeddings", say)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    known = {"embeddings_model": "m", "embeddings_base_url": url, "embeddings_dimensions": 8}
    embedder = Embedder(Settings.model_validate(known))
    peak = Peak()
    try:
        assert await embedder.query("hello") is None
    finally:
        await embedder.close()
        await runner.cleanup()

    grown = peak.grown
    assert grown < 64, f"the process grew by {grown} MiB, by an error of {len(body):,} bytes"


async def test_forgotten_row_that_a_thief_puts_back(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    The seal of a memory says nothing of what came after it: a row that was kept from before it was forgotten
    has a good one when it is put back.  The audit log says that it is gone, and that counts.
    """
    path = tmp_path / "data" / "ironclaw.db"
    async with remembering(tmp_path, Moves(), built_toolboxes) as app:
        memory = await said(app)
        with contextlib.closing(sqlite3.connect(path, timeout=10)) as c:
            kept = list(c.execute("SELECT * FROM memories").fetchone())
        await app.memories.forget(Principal("T1", ADA), [memory])
        with contextlib.closing(sqlite3.connect(path, timeout=10)) as c:
            c.execute(f"INSERT INTO memories VALUES ({', '.join('?' * len(kept))})", kept)
            c.commit()
        found = await app.memories.list(Principal("T1", ADA))

    assert not any(each.is_genuine for each in found)


async def test_nothing_is_kept_in_names(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    The name of a tool that there is none of, and the id of a call, are a brain's to choose: neither can be a
    text, which would stay when the days of history are over, or what it says is forgotten.
    """
    clock = Clock()
    brain = Moves(Move(calls=(ProposedCall(FACT, FACT, "{}"),), tokens=1), Move(answer="done"))
    changes = keeping(history_days=1, audit_days=1)
    async with timed(tmp_path, brain, built_toolboxes, clock, **changes) as app:
        memory = await said(app)
        await app.wait("T1", await app.submit(ask(QUESTION)), 30)
        await app.memories.forget(Principal("T1", ADA), [memory])
        clock.at += 3 * DAY
        await app._remembering.keeping.sweep_now()

    assert [] == places(tmp_path, FACT)


async def test_forgotten_as_it_was_recalled(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A memory of nearly 500 bytes is cut before a brain sees it, and the brain says what it saw.  Forgetting
    takes that out as well.
    """
    text = f"{FACT}, and {'so the release calendar of the team has it, ' * 9}as agreed"
    brain = Repeats()
    async with remembering(tmp_path, brain, built_toolboxes) as app:
        memory = await said(app, text[:499])
        await app.wait("T1", await app.submit(ask(QUESTION)), 30)
        await app.memories.forget(Principal("T1", ADA), [memory])

    assert [] == places(tmp_path, FACT)


class Repeats:
    """Says again what it was reminded of, without its id."""

    async def plan(self, conversation: Conversation) -> Move:
        [given] = [each.text for each in conversation.messages if each.source == "memory"]
        return Move(answer=given[given.index(FACT) :])
