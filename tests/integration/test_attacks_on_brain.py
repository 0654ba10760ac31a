"""Attacks on the brain's wire, its budgets, and the audit log's new leave to forget."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import sqlite3
import time
import zlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from tests.integration.planning import KEY, asking

from ironclaw.audit import verify
from ironclaw.errors import BrainError, StoreError
from ironclaw.settings import Settings
from ironclaw.store import Store
from ironclaw.store.chain import note
from ironclaw.store.guarding import forgetting
from ironclaw.store.sqlite import SqliteWriter
from ironclaw_plugins.brain_openai import ModelBrain
from ironclaw_plugins.brain_openai.connecting import MAX_AT_ONCE
from ironclaw_plugins.brain_openai.servers import CHAT

MIB = 1 << 20
GOOD: dict[str, Any] = {
    "choices": [{"message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20},
}


@contextlib.asynccontextmanager
async def server(status: int, headers: dict[str, str], *bodies: bytes) -> AsyncIterator[str]:
    """A model's server that says these one after the other, then the last one for ever; its base URL."""
    left = list(bodies)

    async def say(_: web.Request) -> web.Response:
        body = left.pop(0) if len(left) > 1 else left[0]
        return web.Response(status=status, headers={"Content-Type": "application/json", **headers}, body=body)

    app = web.Application(client_max_size=64 * MIB)
    app.router.add_post("/v1/chat/completions", say)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()


def planner(url: str, **values: Any) -> ModelBrain:
    known = {"openai_base_url": url, "openai_api_key": KEY, "openai_api": "chat", **values}
    return ModelBrain(Settings.model_validate(known), first_pause=0.001, turn_seconds=20)


class Peak:
    """How much more memory this process held at once, than when it was made, in MiB."""

    def __init__(self) -> None:
        Path("/proc/self/clear_refs").write_text("5")  # Forgets the highest so far.
        self._before = self._most()

    def _most(self) -> int:
        [most] = [each for each in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in each]
        return int(most.split()[1]) >> 10

    @property
    def grown(self) -> int:
        return self._most() - self._before


async def longest_stall(work: Any) -> float:
    """For how long nobody else in this process could do anything while that was done.

    In seconds of computing: on a busy machine a clock tells of others.
    """
    gaps: list[float] = []

    async def tick() -> None:
        while True:
            began = time.process_time()
            await asyncio.sleep(0.005)
            gaps.append(time.process_time() - began)

    ticking = asyncio.create_task(tick())
    with contextlib.suppress(BrainError):
        await work
    await asyncio.sleep(0.02)
    ticking.cancel()
    return max(gaps)


def repeated(piece: bytes, times: int, head: bytes = b"") -> bytes:
    """A raw deflate stream of ``head`` and then many times ``piece``, made without writing all of it."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    first = packer.compress(head) + packer.flush(zlib.Z_FULL_FLUSH)
    one = packer.compress(piece) + packer.flush(zlib.Z_FULL_FLUSH)
    return first + one * times


def gzipped(raw: bytes) -> bytes:
    """As gzip has it, without the end that nobody gets to."""
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + raw


async def test_reply_that_unpacks_to_nothing_freezes_nobody() -> None:
    """
    A reply in two packings of which the outer one is a header without an end gives no byte that is counted,
    and so nothing cuts it: the unpacking goes on inside one step of the event loop, where no timeout reaches.
    A reply of a few kilobytes must not hold up everybody; here it holds one gigabyte of such a header.
    """
    endless_name = b"\x1f\x8b\x08\x08\0\0\0\0\0\xff"  # A gzip header whose file name never ends.
    body = gzipped(repeated(b"a" * MIB, 1024, endless_name))
    twice = gzip.compress(body)
    assert len(twice) < 64 << 10
    async with server(200, {"Content-Encoding": "gzip, gzip, gzip"}, twice) as url:
        stall = await longest_stall(planner(url).plan(asking()))

    assert stall < 0.5, f"the event loop stood for {stall:.1f} s, by a reply of {len(twice):,} bytes"


async def test_error_that_unpacks_to_all_memory() -> None:
    """
    What a server says with an error is cut as it comes, and unpacked without a bound: 64 KiB packed twice are
    gigabytes.  A refusal of a few kilobytes must not take hundreds of megabytes.
    """
    body = gzip.compress(gzip.compress(b"\0" * (300 * MIB), 9), 9)
    assert len(body) < 64 << 10
    async with server(400, {"Content-Encoding": "gzip, gzip"}, body) as url:
        peak = Peak()
        with contextlib.suppress(BrainError):
            await planner(url).plan(asking())
        grown = peak.grown

    assert grown < 64, f"the process grew by {grown} MiB, by an error of {len(body):,} bytes"


async def test_count_of_tokens_beyond_all_numbers() -> None:
    """
    A server that counts 10 to the 400 tokens of a model with a price: no move, no fallback, but an
    OverflowError of the meter.  It must be a BrainError that says what was used, or a move.
    """
    lie = {**GOOD, "usage": {"prompt_tokens": 10**400, "completion_tokens": 1}}
    prices = {"m": {"input": 1.0, "output": 1.0}}
    async with server(200, {}, json.dumps(lie).encode()) as url:
        with contextlib.suppress(BrainError):
            move = await planner(url, openai_model="m", prices=prices).plan(asking())
            assert move.uses


async def test_pause_until_no_time_there_is() -> None:
    """
    Retry-After as a date in a time zone that there is none of: an OverflowError of the library's escapes
    where a BrainError, and with it the fallback, was promised.
    """
    late = {"Retry-After": "Mon, 01 Jan 2001 00:00:00 +99999999999999999999"}
    async with server(429, late, b"{}") as url:
        with contextlib.suppress(BrainError):
            await planner(url).plan(asking())


@pytest.mark.parametrize("charset", ["zlib", "idna", "rot13", "base64", "utf-16", "undefined"])
async def test_charset_that_is_none(charset: str) -> None:
    """
    An error in one of Python's charsets that are none, or packed in it, is the error that its status says:
    not one of a library's, which no fallback would follow.
    """
    async with server(401, {"Content-Type": f"application/json; charset={charset}"}, b"{}") as url:
        with pytest.raises(BrainError, match="refused the API key"):
            await planner(url).plan(asking())


async def test_fault_of_a_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Whatever a library makes of what a server sends, it is a sentence that says what was used.
    """

    def wrong(_: bytes) -> Any:
        raise RuntimeError("hunter2")

    async with server(200, {}, json.dumps(GOOD).encode()) as url:
        monkeypatch.setattr("ironclaw_plugins.brain_openai.servers.CHAT", replace(CHAT, reply=wrong))
        with pytest.raises(BrainError, match=r"could not be asked \(RuntimeError\)\.$") as caught:
            await planner(url).plan(asking())

    assert caught.value.uses[0].tokens_in > 200


async def test_server_that_counts_nothing_is_not_free() -> None:
    """
    A server that says nothing of usage, or 0, uses up no budget: tokens, cost and day stay at nothing,
    however much it is sent.  What nobody counts must count by our own estimate.
    """
    uncounted = {"choices": GOOD["choices"]}
    async with server(200, {}, json.dumps(uncounted).encode()) as url:
        brain = planner(url, openai_model="m", prices={"m": {"input": 1.0, "output": 1.0}})
        move = await brain.plan(asking())

    [use] = move.uses
    assert (use.tokens_in + use.tokens_out, use.micros) == (move.tokens, move.tokens)
    assert use.tokens_in > 200  # The request has more than 600 bytes.
    assert use.tokens_out == 2  # "hello"


async def test_large_reply_stalls_nobody() -> None:
    """
    A reply of just under 8 MiB, all of tiny objects, is read in one go on the event loop: nobody else's work
    goes on meanwhile.  It must be a reply that is cut, or be read elsewhere.
    """
    body = b'{"choices":[' + b",".join([b'{"message":{}}'] * 500_000) + b"]}"
    assert len(body) < 8 * MIB
    async with server(200, {}, body) as url:
        stall = await longest_stall(planner(url).plan(asking()))

    assert stall < 0.5, f"the event loop stood for {stall:.1f} s"


def filled_with(head: bytes, piece: bytes, tail: bytes) -> bytes:
    """A text between the two, of as many pieces as a reply may have in one piece."""
    return head + b",".join([piece] * ((MAX_AT_ONCE - len(head + tail)) // (len(piece) + 1))) + tail


ARGUMENTS = b'{"choices":[{"message":{"tool_calls":[{"function":{"name":"a","arguments":{"a":['
CALL = b'{"index":%d,"function":{"name":"a","arguments":"%s"}}'
EVENT = b'data: {"choices":[{"delta":{"tool_calls":[' + CALL + b"]}}]}\n\n"
MANY = b'{\\"a\\":[' + b",".join([b"[]"] * 20_000) + b"]}"
DONE = b"data: [DONE]\n\n"
STREAM = {"Content-Type": "text/event-stream"}
HEAVY: dict[str, tuple[dict[str, str], bytes]] = {
    "ignored": ({}, filled_with(b'{"x":[', b"{}", b'],"choices":[{"message":{"content":"a"}}]}')),
    "faults": ({}, filled_with(b'{"choices":[', b"{}", b"]}")),
    "choices": ({}, filled_with(b'{"choices":[', b'{"message":{}}', b"]}")),
    "arguments": ({}, filled_with(ARGUMENTS, b"[]", b"]}}}]}}]}")),
    "depth": ({}, b'{"x":' + b"[" * (MAX_AT_ONCE - 10)),
    "number": ({}, b'{"usage":{"prompt_tokens":' + b"9" * (MAX_AT_ONCE - 100) + b"}}"),
    "surrogates": ({}, filled_with(b'{"choices":[{"message":{"content":"', b"\\ud800", b'"}}]}')),
    "calls": (STREAM, b"".join(EVENT % (number, b"{}") for number in range(50_000))),
    "their arguments": (STREAM, b"".join(EVENT % (number, MANY) for number in range(128)) + DONE),
    "signs of life": (STREAM, b"\n" * 8 * MIB),
    "empty events": (STREAM, b"data: {}\n\n" * (8 * MIB // 10)),
    "one line": (STREAM, b"data: " + b"x" * 9 * MIB),
}


@pytest.mark.parametrize("name", HEAVY)
async def test_heavy_reply_stalls_nobody(name: str) -> None:
    """
    Whatever a reply is made of, reading the most that is taken of it stalls nobody, fills no memory, and ends
    in a move or a sentence.
    """
    headers, body = HEAVY[name]
    async with server(200, headers, body) as url:
        planning, peak = planner(url), Peak()
        stall = await longest_stall(planning.plan(asking()))

    assert stall < 0.5, f"the event loop stood for {stall:.1f} s"
    assert peak.grown < 64, f"the process grew by {peak.grown} MiB"


@pytest.mark.parametrize("figure", ["-1", "NaN", "1e999", '"x"', "[]"])
async def test_count_of_tokens_that_is_none(figure: str) -> None:
    """
    A reply with a count that is no count ends in a sentence, and is not free.
    """
    body = b'{"choices":[{"message":{"content":"a"}}],"usage":{"prompt_tokens":%s}}' % figure.encode()
    async with server(200, {}, body) as url:
        with pytest.raises(BrainError, match="no model's turn") as caught:
            await planner(url).plan(asking())

    assert all(use.tokens_in > 0 for use in caught.value.uses)


async def test_wrong_reply_fills_no_memory() -> None:
    """
    A reply of under 8 MiB that is none, in millions of places: the library keeps a fault for each of them
    before it says that there is one.  1.4 GB, and again at each of four tries.
    """
    body = b'{"choices":[' + b",".join([b"{}"] * 2_700_000) + b"]}"
    assert len(body) < 8 * MIB
    async with server(200, {}, body) as url:
        peak = Peak()
        with contextlib.suppress(BrainError):
            await planner(url).plan(asking())

    assert peak.grown < 256, f"the process grew by {peak.grown} MiB"


async def filled(path: Path) -> None:
    store = await Store.open(path)
    await store.map_tenants({}, frozenset({"T1"}), 0.0)
    for number in range(5):
        await store._writer.write(
            lambda c, number=number: note(c, "T1", float(number), f"e{number}", "mallory")
        )
    await store.close()


async def test_cached_statement_is_no_leave_to_forget(tmp_path: Path) -> None:
    """
    The leave to empty events is asked for when a statement is prepared, and statements are kept prepared:
    once anything was rightly forgotten, the same words empty any event of any tenant, without leave.
    """
    path = tmp_path / "ironclaw.db"
    await filled(path)
    words = "UPDATE audit SET event = '' WHERE tenant = ? AND n = ?"
    writer = await SqliteWriter.open(path)
    try:
        with contextlib.suppress(StoreError):

            def rightly(c: Any) -> None:
                with forgetting(c):
                    c.execute(words, ("T1", 1))

            await writer.write(rightly)
            await writer.write(lambda c: c.execute(words, ("T1", 4)))
        row = await writer.read(lambda c: c.execute("SELECT event FROM audit WHERE n = 4").fetchone())
    finally:
        await writer.close()

    assert row["event"]


async def test_pragma_in_capitals(tmp_path: Path) -> None:
    """
    The guard refuses PRAGMA writable_schema in small letters; SQLite takes it in any.  With it the trigger
    that holds the audit log goes.
    """
    path = tmp_path / "ironclaw.db"
    await filled(path)
    writer = await SqliteWriter.open(path)
    try:

        def unit(c: Any) -> None:
            c.execute("PRAGMA Writable_Schema = 1")
            c.execute("DELETE FROM sqlite_master WHERE name IN ('audit_no_update', 'audit_no_delete')")

        with contextlib.suppress(Exception):
            await writer.write(unit)
    finally:
        await writer.close()

    with contextlib.closing(sqlite3.connect(path)) as c:
        found = {name for (name,) in c.execute("SELECT name FROM sqlite_master WHERE name LIKE 'audit_no%'")}
    assert {"audit_no_update", "audit_no_delete"} <= found


async def test_nothing_stands_before_the_audit_log(tmp_path: Path) -> None:
    """
    The guard refuses to change the audit table, and not to put something before it: one trigger that ignores
    what is written, or one temporary table of its name, and every change of the engine goes on without its
    event.
    """
    path = tmp_path / "ironclaw.db"
    await filled(path)
    swallow = "CREATE TEMP TRIGGER t BEFORE INSERT ON main.audit BEGIN SELECT RAISE (IGNORE); END"
    writer = await SqliteWriter.open(path)
    try:
        with contextlib.suppress(Exception):
            await writer.write(lambda c: c.execute(swallow))
        await writer.write(lambda c: note(c, "T1", 9.0, "approved", "mallory"))
    finally:
        await writer.close()

    [chain] = verify(path)
    assert 6 == chain.events


async def test_no_table_stands_in_for_the_audit_log(tmp_path: Path) -> None:
    """
    The same with a temporary table that has the audit log's name: SQLite looks there first.
    """
    path = tmp_path / "ironclaw.db"
    await filled(path)
    writer = await SqliteWriter.open(path)
    try:
        with contextlib.suppress(Exception):
            await writer.write(lambda c: c.execute("CREATE TEMP TABLE audit AS SELECT * FROM main.audit"))
        await writer.write(lambda c: note(c, "T1", 9.0, "approved", "mallory"))
    finally:
        await writer.close()

    [chain] = verify(path)
    assert 6 == chain.events


async def test_stream_of_one_event_stalls_nobody() -> None:
    """
    The same as the large reply in a stream, and worse: one event of 1.2 MB, all of tiny pieces of calls.
    With the 8 MiB that a reply may have, nobody did anything for 30 s (measured), which no timeout of ours
    ends.
    """
    body = b'data: {"choices":[{"delta":{"tool_calls":[' + b",".join([b"{}"] * 400_000) + b"]}}]}\n\n"
    async with server(200, {"Content-Type": "text/event-stream"}, body) as url:
        stall = await longest_stall(planner(url).plan(asking()))

    assert stall < 0.5, f"the event loop stood for {stall:.1f} s"
