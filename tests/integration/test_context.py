"""Long conversations, long results and what they cost, in the whole engine."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tests.integration.engine import ask, engine, moves, wants

from ironclaw.errors import BrainError, ContextTooLong
from ironclaw.settings import TenantSettings
from ironclaw.store import Store
from ironclaw.store.summaries import void
from ironclaw.task import (
    Conversation,
    Json,
    Message,
    ModelTotal,
    ModelUse,
    Move,
    Notice,
    NoticeKind,
    Role,
    WorkflowState,
)
from ironclaw.untrusted import SUMMARY

pytestmark = pytest.mark.sandbox
USE = ModelUse("m-1", "system.md@1", 3_000, 1_000, 412, 4_000)
LINES = "line of the file, nothing special about it\n" * 30


class Scripted:
    """Plays moves by how often it was asked, and notes what it saw."""

    def __init__(self, *script: Move | Exception) -> None:
        self.script = list(script)
        self.seen: list[Conversation] = []

    async def plan(self, conversation: Conversation) -> Move:
        self.seen.append(conversation)
        said = self.script.pop(0) if self.script else Move(answer="done")
        if isinstance(said, Exception):
            raise said
        return said


class Summing(Scripted):
    """Can sum up as well: with what it is told to say."""

    def __init__(self, summary: Move | Exception, *script: Move | Exception) -> None:
        super().__init__(*script)
        self.summary = summary
        self.asked: list[Conversation] = []

    async def summarise(self, conversation: Conversation, request: str) -> Move:
        self.asked.append(conversation)
        if isinstance(self.summary, Exception):
            raise self.summary
        return self.summary


class Told:
    """A door that takes what it is told."""

    def __init__(self) -> None:
        self.line = ""
        self.last = asyncio.Event()

    async def send(self, notice: Notice) -> Mapping[str, str]:
        if notice.kind is NoticeKind.STATUS and notice.body.get("is_last"):
            self.line = str(notice.body["text"])
            self.last.set()
        return {"ts": "1"}


def audited(folder: Path) -> list[Json]:
    """T1's audit events."""
    with contextlib.closing(sqlite3.connect(folder / "data" / "ironclaw.db")) as c:
        rows = c.execute("SELECT event FROM audit WHERE tenant = 'T1' ORDER BY n").fetchall()
    return [json.loads(row[0]) for row in rows]


SMALL = {"context_tokens": 16_000, "max_steps": 60, "max_tokens": 10**9}
SAYS = Move(answer="## Completed\n- read some of it", uses=(ModelUse("m-1", "summary@1", 900, 0, 90, 1),))


def reads(number: int) -> list[Move]:
    """So many turns, each of which reads 2,000 bytes."""
    return [moves(wants("files.read", f"c{i}", path="a.txt", limit=2_000)) for i in range(number)]


def plant(folder: Path, text: str = LINES * 60, name: str = "a.txt") -> Path:
    """Put a file into the workspace of T1."""
    place = folder / "data" / "mnt" / "scratch" / "T1"
    place.mkdir(parents=True, exist_ok=True)
    (place / name).write_text(text)
    return place


def sources(conversation: Conversation) -> list[str]:
    return [message.source for message in conversation.messages if message.source]


def is_paired(messages: Sequence[Message]) -> bool:
    """Whether each call has its result, and each result its call."""
    called = [call.id for message in messages for call in message.calls]
    return called == [message.call_id for message in messages if message.role is Role.TOOL]


async def test_a_long_conversation_is_summed_up(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    What does not fit any more is given as a summary, as data and before the task; calls keep their results.
    """
    plant(tmp_path)
    brain = Summing(SAYS, *reads(14))
    async with engine(tmp_path, brain, built_toolboxes, **SMALL) as app:
        view = await app.wait("T1", await app.submit(ask("read on")), 60)
        rows = await app._store.summaries.of(view.id)
        flow = await app._store.workflows.load(view.id)

    last = brain.seen[-1].messages
    assert WorkflowState.DONE is view.state
    assert 15 == len(brain.seen)
    assert ([SUMMARY], "read on") == (sources(brain.seen[-1]), last[1].text)
    assert last[0].text == "## Completed\n- read some of it"
    assert all(is_paired(each.messages) for each in brain.seen)
    assert 29 == len(flow.messages)  # The rows stay.
    assert (True, "m-1") == (len(rows) >= 2, rows[0].made_by)
    assert rows[0].covers > rows[1].covers


async def test_a_summary_is_asked_for_as_data(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    The model that sums up gets the transcript as one message of data, no tools, and no secret.
    """
    secret = "ghp_" + "x1Y2" * 9
    plant(tmp_path)
    called = moves(wants("no.such", "n", text=secret))
    brain = Summing(replace(SAYS, answer=f"## Goal\n- use {secret}"), called, *reads(8))
    async with engine(tmp_path, brain, built_toolboxes, **SMALL) as app:
        await app.wait("T1", await app.submit(ask("read on")), 60)

    assert ["transcript"] == sources(brain.asked[0])
    assert (1, ()) == (len(brain.asked[0].messages), brain.asked[0].tools)
    assert "files.read" in brain.asked[0].messages[0].text
    assert "no.such" in brain.asked[0].messages[0].text
    assert secret not in str(brain.asked)
    assert brain.seen[-1].messages[0].text.startswith("## Goal\n- use [")


@pytest.mark.parametrize(
    "brain",
    [
        Scripted(*reads(8)),
        Summing(BrainError("down"), *reads(8)),
        Summing(RuntimeError("a plugin's mistake"), *reads(8)),
        Summing(Move(answer="I cannot do that."), *reads(8)),
    ],
    ids=["cannot", "down", "broken", "no-summary"],
)
async def test_a_digest_stands_in(tmp_path: Path, built_toolboxes: Path, brain: Scripted) -> None:
    """
    Where no model sums up, the host says which tools were called and how that ended.
    """
    plant(tmp_path)
    async with engine(tmp_path, brain, built_toolboxes, **SMALL) as app:
        view = await app.wait("T1", await app.submit(ask("read on")), 60)
        rows = await app._store.summaries.of(view.id)

    assert (WorkflowState.DONE, "digest") == (view.state, rows[0].made_by)
    assert '- files.read {"path": "a.txt", "limit": 2000}: {"output":' in brain.seen[-1].messages[0].text


async def test_too_long_for_the_model(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A conversation that the model refuses is made shorter once and asked about again; what it cost counts.
    """
    plant(tmp_path)
    refused = ContextTooLong()
    refused.uses = (USE,)
    brain = Summing(SAYS, *reads(3), refused, Move(answer="done"))
    async with engine(tmp_path, brain, built_toolboxes) as app:
        view = await app.wait("T1", await app.submit(ask("read on")), 60)

    assert (WorkflowState.DONE, 1) == (view.state, len(brain.asked))
    assert ModelTotal(2, 3_900, 1_000, 502, 4_001) == view.models
    assert [7, 4] == [len(each.messages) for each in brain.seen[-2:]]


async def test_too_long_for_good(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    What is refused again when it is as short as it can be ends with a sentence, and is not asked for ever.
    """
    plant(tmp_path)
    brain = Summing(SAYS, *reads(3), *[ContextTooLong()] * 9)
    async with engine(tmp_path, brain, built_toolboxes) as app:
        view = await app.wait("T1", await app.submit(ask("read on")), 60)

    assert (WorkflowState.FAILED, 5, 1) == (view.state, len(brain.seen), len(brain.asked))
    assert "ask in a new thread" in view.outcome


async def test_breaker(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    After three summaries that did not help, no further one is paid for.
    """
    plant(tmp_path)
    brain = Summing(replace(SAYS, answer="## Completed\n" + "- much\n" * 2_200), *reads(12))
    async with engine(tmp_path, brain, built_toolboxes, context_tokens=8_000, max_steps=60) as app:
        view = await app.wait("T1", await app.submit(ask("read on")), 60)
        rows = await app._store.summaries.of(view.id)

    assert (WorkflowState.DONE, 3) == (view.state, len(brain.asked))
    assert [True] * 3 == [row.is_over for row in rows]


async def test_an_erased_message_voids_its_summary(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A summary says nothing any more once a message that it covers is erased; an older one still does.
    """
    plant(tmp_path)
    brain = Summing(SAYS, *reads(14))
    async with engine(tmp_path, brain, built_toolboxes, **SMALL) as app:
        view = await app.wait("T1", await app.submit(ask("read on")), 60)
        rows = await app._store.summaries.of(view.id)
        late = max(rows[0].covers - rows[1].covers)
        voided = await app._store._writer.write(lambda c: void(c, view.id, [late]))
        after = await app._store.summaries.of(view.id)

    assert (1, "") == (voided, after[0].text)
    assert rows[1:] == after[1:]


class Forgetful(Summing):
    """When it is asked for the tenth time, nothing of what its calls had read is known any more."""

    store: Store

    async def plan(self, conversation: Conversation) -> Move:
        if len(self.seen) == 9:
            await self.store._writer.write(lambda c: c.execute("UPDATE tool_calls SET circumstances = '{}'"))
        return await super().plan(conversation)


async def test_a_summary_keeps_its_taint(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    What a summary covers taints the workflow also when no call tells of it any more.
    """
    plant(tmp_path)
    out = moves(wants("http.get", "out", url="https://a.example/?q=1"))
    brain = Forgetful(SAYS, *reads(9), moves(wants("no.such", "n")), out)
    async with engine(tmp_path, brain, built_toolboxes, http_allow=("a.example",), **SMALL) as app:
        brain.store = app._store
        view = await app.wait("T1", await app.submit(ask("read on")), 60)

    assert view.approval is not None
    assert frozenset({"files"}) == view.approval.circumstances.taint


async def test_what_models_used(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    Each request is a row and an audit event with its prompt's version; last line and view say the sum.
    """
    brain = Scripted(replace(reads(1)[0], uses=(USE, USE)), Move(answer="done", uses=(USE,)))
    told = Told()
    async with engine(tmp_path, brain, built_toolboxes) as app:
        app.speak("test", told)
        view = await app.wait("T1", await app.submit(ask()), 30)
        rows = await app._store.model_calls.of(view.id)
        await told.last.wait()

    events = [each for each in audited(tmp_path) if each["event"] == "model_asked"]
    assert (USE, USE, USE) == rows
    assert ModelTotal(3, 9_000, 3_000, 1_236, 12_000) == view.models
    assert ["system.md@1"] * 3 == [each["prompt"] for each in events]
    assert "Done. 10,236 tokens, $0.012." == told.line


async def test_a_failed_request_is_paid_for(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    What a turn used that came to nothing counts all the same.
    """
    error = BrainError("no use")
    error.uses = (replace(USE, micros=None, tokens_out=-5),)
    async with engine(tmp_path, Scripted(error), built_toolboxes) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)

    assert (WorkflowState.FAILED, ModelTotal(1, 3_000, 1_000, 0, None)) == (view.state, view.models)


MOST = {"max_cost": 0.007}
DAYS = {"budget_per_day": 0.007}
PRICELESS = replace(USE, micros=None)


@pytest.mark.parametrize(
    ("limits", "use", "words"),
    [
        (MOST, USE, "Stopped after $0.008 for models, of $0.007 for one task. Ask for less at once."),
        (DAYS, USE, "The budget for models is used up for today: $0.007. It begins anew at 00:00 UTC; "),
        (MOST, PRICELESS, "Stopped: what this costs is limited, and a model that was asked has no price. "),
    ],
)
async def test_money(
    tmp_path: Path, built_toolboxes: Path, limits: dict[str, float], use: ModelUse, words: str
) -> None:
    """
    Before each turn the money is asked for: of the task, and of the tenant's day; an unknown price is a no.
    """
    brain = Scripted(*(replace(each, uses=(use,)) for each in reads(5)))
    tenants = {"T1": TenantSettings(slack=("T1",), **limits), "T2": TenantSettings(slack=("T2",))}
    async with engine(tmp_path, brain, built_toolboxes, tenants=tenants) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)
        again = await app.wait("T1", await app.submit(ask()), 30)
        others = await app.wait("T2", await app.submit(ask(tenant="T2")), 30)

    assert view.outcome.startswith(words)
    assert (limits is DAYS) == (again.models is None)
    assert "used up" not in others.outcome


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"max_steps": 2}, "Stopped after 2 steps"),
        ({"max_tokens": 15}, "Stopped after 20 tokens"),
        ({"max_steps": 900}, "Stopped after 4 steps"),
    ],
)
async def test_less_for_a_tenant(
    tmp_path: Path, built_toolboxes: Path, limits: dict[str, int], words: str
) -> None:
    """
    A tenant may have less than all have, and never more.
    """
    tenants = {"T1": TenantSettings(slack=("T1",), **limits)}
    async with engine(tmp_path, Scripted(*reads(9)), built_toolboxes, tenants=tenants, max_steps=4) as app:
        view = await app.wait("T1", await app.submit(ask()), 30)

    assert view.outcome.startswith(words)


async def test_tokens_left(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    The brain is told what its retries and repairs may still use.
    """
    brain = Scripted(*reads(1))
    async with engine(tmp_path, brain, built_toolboxes, max_tokens=100) as app:
        await app.wait("T1", await app.submit(ask()), 30)

    assert [100, 90] == [each.tokens_left for each in brain.seen]
