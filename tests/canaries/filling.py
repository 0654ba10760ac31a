"""A tenant that has something everywhere that a door lets it get."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from ironclaw.app import Ironclaw
from ironclaw.egress import bind
from ironclaw.memory import Visibility
from ironclaw.settings import TenantSettings
from ironclaw.task import Address, Conversation, Decision, Move, Notice, Principal, Question, Role, Task
from ironclaw_plugins.memory_qdrant.plugin import MemoryQdrant
from tests.canaries.marks import Marks
from tests.integration.engine import engine, moves, wants

OP = "local:op"
TENANTS = ("T1", "T2")
LONG = 100  #: So often a word makes a text whose reading is kept beside what is given of it.


class Echo:
    """Writes and reads a long file with what it was asked, then answers with what the tools said; or asks."""

    async def plan(self, conversation: Conversation) -> Move:
        asked = next(m.text for m in reversed(conversation.messages) if m.role is Role.USER and not m.source)
        said = [message.text for message in conversation.messages if message.role is Role.TOOL]
        words = asked.split()
        if words[0] == "wonder":
            return Move(answer=said[-1]) if said else Move(question=Question("q1", words[1], (words[2],)))
        if not said:
            return moves(wants("files.write", path=f"{words[0]}.md", text=f"{words[1]} " * LONG))
        if len(said) == 1:
            return moves(wants("files.read", "c2", path=f"{words[0]}.md"))
        return Move(answer=f"{words[2]} {said[-1]}", tokens=7)


def person(tenant: str, name: str) -> Principal:
    return Principal(tenant, f"slack:{tenant}:{name}", frozenset({"approver"}))


@contextlib.asynccontextmanager
async def host(folder: Path, toolboxes: Path, **more: Any) -> AsyncIterator[Ironclaw]:
    tenants = {
        name: TenantSettings(slack=(name,), approvers=(f"slack:{name}:U_BO", f"slack:{name}:U_CY"))
        for name in TENANTS
    }
    plugins = {"memory_qdrant": MemoryQdrant}
    async with engine(folder, Echo(), toolboxes, plugins, tenants=tenants, result_kb=1, **more) as app:
        app.speak("test", Wall())
        yield app


class Wall:
    """A door that shows what it is told, and says where."""

    async def send(self, notice: Notice) -> dict[str, str]:
        return {"ts": "1", **notice.address.place}


async def fill(app: Ironclaw, tenant: str, marks: Marks) -> None:
    """Have something of the tenant everywhere that a door lets it get."""
    name = f"U{marks.new('the name of who asks').upper()}"
    bo = person(tenant, "U_BO")
    for decision in (Decision.APPROVE, Decision.DENY):
        words = [marks.new(f"{decision.value} {each}") for each in ("a file name", "a file", "an answer")]
        place = Address("test", {"channel": marks.new("a channel")})
        task = Task(
            tenant,
            f"slack:{tenant}:{name}",
            " ".join(words),
            place,
            thread=marks.new("a thread"),
            delivery=("slack", f"{tenant}:{marks.new('a delivery')}"),
            context={"note": marks.new("a context")},
        )
        view = await app.wait(tenant, await app.submit(task), 30)
        assert view.approval
        reason = marks.new("a reason")
        await app.decide(bo, view.approval.id, decision, reason=reason)
        await app.wait(tenant, view.id, 30)
    waits = Task(tenant, f"slack:{tenant}:{name}", f"{marks.new('what waits')} y z", Address("http"))
    await app.wait(tenant, await app.submit(waits), 30)
    await _wonder(app, bo, marks)
    await app.schedules.add(Task(tenant, bo.id, marks.new("a schedule"), Address("cli")), "0 7 * * *")
    binding = bind("a.example", ["GET"], "/", "Authorization", "Bearer ")
    await app.vault.put(tenant, marks.new("a secret's name"), marks.new("a secret"), binding, OP)
    await app.factors.enroll(tenant, f"slack:{tenant}:U{marks.new('a factor').upper()}", OP)
    await app.memories.remember(bo, f"Remember {marks.new('a memory')} well", Visibility.EVERYBODY)
    await app.slack_groups.learn(tenant, "S1", [f"slack:{tenant}:U{marks.new('a member').upper()}"])
    await app.refuse(tenant, Address("test", {"channel": "C1"}), marks.new("a refusal"))
    mine = app._store, app._clock()
    assert await mine[0].outbox.remember(f"http:{tenant}:{bo.id}", marks.new("a key"), mine[1] + 999)


async def _wonder(app: Ironclaw, who: Principal, marks: Marks) -> None:
    """A question of the brain's, and what the person answers."""
    text = f"wonder {marks.new('a question')} {marks.new('a choice')}"
    view = await app.wait(who.tenant, await app.submit(Task(who.tenant, who.id, text, Address("http"))), 30)
    [question] = await app.questions.open_for(who)
    await app.questions.answer(who, question.id, marks.new("what a person answers"))
    await app.wait(who.tenant, view.id, 30)
