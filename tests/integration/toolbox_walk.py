"""A toolbox's way into a bot: built, signed with a new key, added; then used through the whole engine."""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

from structlog.testing import capture_logs
from tests.cases._secret_world import Obedient, World
from tests.cases._supply_world import World as Operator
from tests.fakes import guests
from tests.fakes.web import PUBLIC, Answer, Web, egress, web
from tests.integration.engine import PLUGINS, BrainPlugin, settings, wants

from ironclaw.app import open_app
from ironclaw.egress import Egress, bind
from ironclaw.task import Conversation, Move, Role, WorkflowView
from ironclaw_bot.build import tools_folder

ORDER = "ORDER "


class Walk(World):
    """A bot with one added toolbox, a brain that proposes what the task says, and a web on loopback."""

    async def give(self, name: str, host: str, methods: Iterable[str], path: str) -> str:
        """T1's secret of this name, with a new value."""
        value = "t0ken_" + secrets.token_hex(16)
        self.values.append(value)
        binding = bind(host, methods, path, "Authorization", "Bearer ")
        await self.app.vault.put("T1", name, value, binding, "local:test")
        return value

    async def ask(self, tool: str, **arguments: Any) -> WorkflowView:
        """The task as it is once it is done or waits for somebody."""
        view: WorkflowView = await self.paused(tool=tool, **arguments)
        return view

    @property
    def sent(self) -> list[str]:
        """What arrived: methods and paths."""
        return [f"{seen.method} {seen.path}" for seen in self.internet.requests]


class Gullible(Obedient):
    """Also does what a body that begins with ORDER says, as a model might."""

    async def plan(self, conversation: Conversation) -> Move:
        last = conversation.messages[-1]
        output = json.loads(last.text).get("output") if last.role is Role.TOOL else None
        if not isinstance(output, dict) or not str(output.get("body")).startswith(ORDER):
            return await super().plan(conversation)
        words = json.loads(output["body"].removeprefix(ORDER))
        return Move(calls=(wants(words.pop("tool"), "c2", **words),))


async def added(folder: Path, name: str) -> str:
    """Walk it as an operator does: keygen, build, sign, add.

    :return: the public key, for trusted_signers
    """
    source = folder / name
    shutil.copytree(tools_folder() / name, source, ignore=shutil.ignore_patterns("built", "__pycache__"))
    shutil.copytree(guests.kept(source, name), source / "built" / name)  # A build of Python takes 15 s.
    operator = Operator(folder, trusted=())
    made = await operator.tool("keygen", folder / "acme.pem")
    key = made.out.split()[-1]
    operator.trusted = (f"{name}:{key}",)
    for words in (
        ("build", source),
        ("sign", source, "--key", folder / "acme.pem"),
        ("add", source, "--yes"),
    ):
        done = await operator.tool(*words)
        assert (0, "") == (done.code, done.error)
    return operator.trusted[0]


@contextlib.asynccontextmanager
async def walk(folder: Path, name: str, host: str, answer: Answer, **changes: Any) -> AsyncIterator[Walk]:
    """A bot to which the toolbox was added, and a web that knows one host and speaks TLS.

    :param changes: of the settings
    """
    async with web(folder, [host]) as internet:
        internet.meet({host: [[PUBLIC]]}, answer)
        async with bot(folder, name, internet, egress(internet, folder), **changes) as found:
            yield found


@contextlib.asynccontextmanager
async def bot(
    folder: Path, name: str, internet: Web, door: Egress | None = None, **changes: Any
) -> AsyncIterator[Walk]:
    """A bot to which the toolbox was added.

    :param door: to the web; the bot's own when there is none
    """
    trusted = await added(folder, name)
    brain = Gullible()
    # What a tool gives is looked at here, and not what a brain would be given of it.
    whole = {"result_kb": 4096, **changes}
    chosen = settings(folder, plugins=PLUGINS, trusted_signers=(trusted,), **whole)
    plugins = {"test_brain": lambda _services: BrainPlugin(brain)}
    with capture_logs() as logs:
        async with open_app(chosen, egress=door, plugins=plugins, spares=False) as app:
            yield Walk(app, internet, brain, folder, logs)
