"""Plays a trace: what the model says each turn goes over the real wire through the whole engine, past people.

Two files a scenario.  The driver, ``NAME.json``: the settings of the model, the task, what the server says in
order, and what people say of the cards.  The outcome, ``NAME.outcome.json``: what came of it, written by
``python -m tests.traces.rewrite`` after a wanted change and then read.  A turn that is not in the driver is
an error, a request that the linter dislikes too.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ironclaw.app import Ironclaw
from ironclaw.settings import Settings
from ironclaw.task import Conversation, Decision, Move, Notice, NoticeKind, WorkflowView
from ironclaw_plugins.brain_openai import ModelBrain
from tests.fakes.openai_server import FakeOpenAI, Reply, calls, cut, error, text
from tests.integration.engine import approver, ask, engine

FOLDER = Path(__file__).parent
OUTCOME = ".outcome.json"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json") if not path.name.endswith(OUTCOME))
TOLD = {NoticeKind.CARD, NoticeKind.ANSWER, NoticeKind.FAILURE}
KEY = "sk-" + "trace-77d24f9a0c"


class Switch:
    """The brain of the engine: the one of the scenario that is played."""

    brain: ModelBrain

    async def plan(self, conversation: Conversation) -> Move:
        return await self.brain.plan(conversation)

    async def summarise(self, conversation: Conversation, request: str) -> Move:
        return await self.brain.summarise(conversation, request)


@dataclass
class Stage:
    """An engine on which traces are played, one after the other."""

    app: Ironclaw
    folder: Path
    switch: Switch
    told: dict[str, list[Notice]] = field(default_factory=dict)  #: By workflow.
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def send(self, notice: Notice) -> Mapping[str, str]:
        """Hears what the engine tells the door."""
        async with self.news:
            self.told.setdefault(notice.workflow_id, []).append(notice)
            self.news.notify_all()
        return {"ts": str(notice.id)}

    async def heard_the_end(self, workflow: str) -> None:
        ends = (NoticeKind.ANSWER, NoticeKind.FAILURE)
        async with self.news:
            await self.news.wait_for(lambda: any(each.kind in ends for each in self.told.get(workflow, [])))


@asynccontextmanager
async def stage(folder: Path, toolboxes: Path) -> AsyncIterator[Stage]:
    switch = Switch()
    async with engine(folder, switch, toolboxes, openai_api_key=KEY) as app:
        found = Stage(app, folder, switch)
        app.speak("test", found)
        yield found


async def play(stage: Stage, name: str) -> dict[str, Any]:
    """What came of a trace."""
    driver = json.loads((FOLDER / f"{name}.json").read_text())
    for path, content in driver.get("files", {}).items():
        file = stage.folder / "data/mnt/scratch/T1" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    tools = [tool.name for tool in stage.app.tools("T1")]
    async with asyncio.timeout(60), FakeOpenAI(KEY, tools=tools) as server:
        server.play(said(turn) for turn in driver["turns"])
        values = {"openai_base_url": server.url, "openai_api_key": KEY, **driver.get("model", {})}
        stage.switch.brain = ModelBrain(Settings.model_validate(values), first_pause=0.001)
        view = await _through(stage, driver, name)
        assert server.is_played
        return outcome(stage, view, driver, server)


async def _through(stage: Stage, driver: Mapping[str, Any], name: str) -> WorkflowView:
    task = ask(driver["task"], thread=name)
    view = await stage.app.wait("T1", await stage.app.submit(task), 30)
    for choice in driver.get("people", ()):
        assert view.approval is not None
        await stage.app.decide(approver(), view.approval.id, Decision(choice))
        view = await stage.app.wait("T1", view.id, 30)
    assert view.state.is_final
    await stage.heard_the_end(view.id)
    return view


def said(turn: Mapping[str, Any]) -> Reply:
    """One turn of the driver: exactly one of say, decline, calls, cut and error."""
    ((kind, what),) = turn.items()
    if kind == "cut":
        return cut(said(what))
    if kind == "calls":
        return calls(*((name, arguments) for name, arguments in what))
    if kind == "error":
        return error(what["status"], what.get("code", ""), headers={"retry-after-ms": "1"})
    return text("", refusal=what) if kind == "decline" else text(what)


def outcome(
    stage: Stage, view: WorkflowView, driver: Mapping[str, Any], server: FakeOpenAI
) -> dict[str, Any]:
    root = stage.folder / "data/mnt/scratch/T1"
    kinds = [each.kind.value for each in stage.told[view.id] if each.kind in TOLD]
    return {
        "state": view.state.value,
        "outcome": view.outcome,
        "calls": _calls(stage.folder, view.id),
        "notices": list(dict.fromkeys(kinds)),
        "models": [body["model"] for body in server.requests],
        "files": {
            path: (root / path).read_text() if (root / path).exists() else None
            for path in driver.get("look", ())
        },
    }


def _calls(folder: Path, workflow: str) -> list[list[str]]:
    """Tool, end and rule of each call, in the order in which they were proposed."""
    wanted = "SELECT tool, state, rule FROM tool_calls WHERE workflow_id = ? ORDER BY seq"
    with closing(sqlite3.connect(folder / "data/ironclaw.db")) as c:
        return [list(row) for row in c.execute(wanted, (workflow,))]
