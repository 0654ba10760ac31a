"""One scenario while it is played: what was proposed, clicked and answered on the way."""

from __future__ import annotations

import itertools
import json
import re
import secrets
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from ironclaw.task import Move, ProposedCall
from tests.cases import _approval_slack as slack
from tests.cases._approval_bot import BOSS
from tests.cases._approval_slack import Card, Json, Sent
from tests.cases._approval_toolbox import known_as
from tests.cases._approval_world import World
from tests.fakes.wire import Reply, ask

USUAL = {"to": "a@x.test", "body": "hi"}
WORKSPACE = re.compile(r"/mnt/scratch/T\d+/")  #: What a tool's own paths are relative to.
_REPEAT = re.compile(r"\{\{repeat:(.):(\d+)\}\}")


@dataclass
class Play:
    """The scenario's bot, and what was noted."""

    world: World
    scenario: Json
    cards: list[Card | None] = field(default_factory=list)  #: Of each proposal, None where it got none.
    clicks: list[Sent | None] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)  #: Of the HTTP door.
    notes: dict[str, Any] = field(default_factory=dict)
    reads_first: list[Move] = field(default_factory=list)  #: Turns of the brain before its next proposal.
    by_http: bool = False  #: Whether tasks come over HTTP.
    padding: str = ""  #: After the text of each task.
    task: str = ""  #: The text of the last one.
    stack: ExitStack = field(default_factory=ExitStack)  #: What is to be undone at the end.
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    async def play(self, steps: dict[str, Step]) -> None:
        """All steps in order.

        :raises KeyError: a step that nobody knows
        """
        for step in self._turns():
            await steps[step["op"]](self, step)
            await self.world.settle()

    def _turns(self) -> list[Json]:
        """Proposals with nothing between them are one turn where the scenario counts the brain's cards.

        Everywhere else each is asked for in a task of its own.
        """
        steps: list[Json] = []
        for step in self.scenario["steps"]:
            if "cards" in self.scenario["expect"] and steps and step["op"] == steps[-1]["op"] == "propose":
                steps[-1] = {**steps[-1], "also": [*steps[-1].get("also", []), step]}
            else:
                steps.append(step)
        return steps

    # Asking

    async def ask(self, turns: list[Move], step: Json) -> None:
        """Have somebody ask for what the brain then does."""
        self.task = f"task {next(self.numbers)}{self.padding}"
        self.world.brain.moves[self.task] = [*self.reads_first, *turns]
        self.reads_first = []
        await self.world.app()
        if self.by_http or step.get("source") == "webhook":
            await self.request(
                "POST", "/run", {"task": self.task, "wait": 20}, sub=step.get("requester", "svc-1")
            )
        else:
            await self._ask_in_slack(step)
        await self.world.settle()
        self.cards.append(self.newest_card())

    async def _ask_in_slack(self, step: Json) -> None:
        name = step.get("requester_name")
        words = {"real_name": name, "profile": {"display_name": name}} if name else {}
        requester = step.get("requester", "U_REQ")
        self.world.stage.person(requester, "T0001", **words)
        await slack.say(self.world, requester, self.task)

    def newest_card(self) -> Card | None:
        """With buttons, of the last task."""
        found = self.world.query(
            "SELECT a.id FROM approvals a JOIN workflows w ON w.id = a.workflow_id WHERE w.text = ?"
            " ORDER BY a.rowid DESC",
            self.task,
        )
        return slack.card_of(self.world, found[0]["id"]) if found else None

    @property
    def approval_id(self) -> str:
        """What {{id}} stands for: the first approval; where there is none, an id that nobody has."""
        found = self.world.query("SELECT id FROM approvals ORDER BY rowid")
        return str(found[0]["id"]) if found else secrets.token_hex(16)

    # HTTP

    async def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: tuple[tuple[str, str], ...] = (),
        *,
        is_anonymous: bool = False,
        **claims: Any,
    ) -> Reply:
        """One request with a fresh token, an approver's unless the claims say another."""
        await self.world.app()
        token = self.world.stage.issuer.token("ed1", **{"sub": BOSS, **claims})
        head = [*headers, *([] if is_anonymous else [("Authorization", f"Bearer {token}")])]
        content = b"" if body is None else json.dumps(body).encode()
        head += [("Content-Type", "application/json")] if content else []
        self.replies.append(await ask(self.world.port, method, path, head, content))
        return self.replies[-1]


Step = Callable[[Play, Json], Awaitable[None]]


def call_of(step: Json, number: int = 0) -> ProposedCall:
    """The call that a proposal means, in the model's own words."""
    if "args_raw" in step:
        text = str(step["args_raw"])
    else:
        args = json.dumps(step.get("args", {"text": "compose"}))
        text = _REPEAT.sub(lambda found: found[1] * int(found[2]), WORKSPACE.sub("", args))
    return ProposedCall(f"c{number}", known_as(step["tool"]), text)


def only(*calls: ProposedCall) -> Move:
    """A turn of the brain."""
    return Move(calls=calls)
