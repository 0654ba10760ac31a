"""The whole bot of the scenarios, in this process or in one of its own that can be killed.

As a program (``python -m tests.cases._approval_bot FOLDER SLACK_URL PORT [after_tool]``) it says the port of
its doors and serves until it is ended, or ends itself at the named moment.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import signal
import ssl
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from ironclaw.app import Ironclaw, open_app
from ironclaw.egress import Egress
from ironclaw.egress.client import strict_tls
from ironclaw.errors import IronclawError
from ironclaw.hookspecs import hookimpl
from ironclaw.settings import Settings, TenantSettings
from ironclaw.task import Conversation, Move, Role
from ironclaw_bot.http import make_gateway
from ironclaw_bot.slack.app import make_slack
from ironclaw_bot.slack.background import Background
from ironclaw_bot.slack.client import web_client
from ironclaw_bot.slack.edge import SlackEdge
from ironclaw_bot.slack.outbox import SlackSender
from tests.cases._approval_stage import SECRET, TOKENS
from tests.cases._approval_toolbox import EFFECTS, known_as
from tests.fakes.tokens import ISSUER, Issuer
from tests.fakes.web import PUBLIC, Web
from tests.fakes.wire import served
from tests.integration.engine import BrainPlugin, settings

PLUGINS = ("auth_jwt", "auth_slack", "leak_guard", "policy_cedar", "veto_rules")
BOSS = "boss"  #: Subject of each tenant's approver over HTTP.


class Script:
    """A brain that plays the moves written for a task, then says what its tools said."""

    def __init__(self) -> None:
        self.moves: dict[str, list[Move]] = {}  #: By the task's text.
        self.seen: list[Conversation] = []

    async def plan(self, conversation: Conversation) -> Move:
        self.seen.append(conversation)
        messages = conversation.messages
        asked = max(at for at, message in enumerate(messages) if message.role is Role.USER)
        turns = sum(message.role is Role.ASSISTANT for message in messages[asked:])
        moves = self.moves.get(messages[asked].text, [])
        if turns < len(moves):
            return moves[turns]
        said = [message.text for message in messages[asked:] if message.role is Role.TOOL]
        return Move(answer="\n".join(said) or "done")


class KilledAfterTool:
    """Ends the host when the first result is there, before it is written down."""

    @hookimpl
    def ironclaw_redact(self, tenant: str, text: str) -> str:
        os.kill(os.getpid(), signal.SIGKILL)
        return text


@dataclass(frozen=True, slots=True)
class Doors:
    """A bot whose doors are open."""

    app: Ironclaw | None  #: None where it is in another process.
    port: int
    background: Background = field(default_factory=Background)


def team_of(name: str) -> str:
    """Slack's id of a scenario's workspace: T1 is T0001."""
    return f"T{int(name[1:]):04}"


def usual_tenants() -> dict[str, TenantSettings]:
    """T1 and T2, with approvers of the same names in each."""
    return {name: _tenant(name) for name in ("T1", "T2")}


def _tenant(name: str) -> TenantSettings:
    team = team_of(name)
    people = ("UAPP", "UAPP2", "UGUEST", f"UAPP{name}")
    approvers = (*(f"slack:{team}:{each}" for each in people), f"jwt:{ISSUER}|{BOSS}")
    return TenantSettings(slack=(team,), jwt=True, approvers=approvers)


def operators_policy(*more: str) -> str:
    """The shipped policies, with the rules that money takes two people and that mails may be remembered.

    :param more: further rules
    """
    shipped = resources.files("ironclaw_plugins").joinpath("policies", "shipped.cedar").read_text("utf-8")
    asked = 'permit (principal, action == Action::"run_with_approval", resource == Tool::"{}");'
    money = f'@id("two-people") @quorum("2") {asked.format(known_as("wire_transfer"))}'
    mail = f'@id("remembered") @grants("workflow, tool") {asked.format(known_as("send_email"))}'
    return "\n".join([shipped, money, mail, *more])


def bot_settings(
    folder: Path,
    slack_url: str,
    issuer: Issuer,
    tenants: Mapping[str, TenantSettings],
    changes: dict[str, Any],
) -> Settings:
    """The operator's settings; the database lies in the folder."""
    chosen: dict[str, Any] = {
        "plugins": PLUGINS,
        "slack_signing_secret": SecretStr(SECRET),
        "slack_api_url": f"{slack_url}/api/",
        "jwt_issuer": ISSUER,
        "jwt_jwks": issuer.write(folder / "jwks.json", "ed1"),
        "toolboxes": (folder / "boxes",),
        "tenants": dict(tenants),
        "policy_file": _written(folder / "operator.cedar", operators_policy()),
    }
    return settings(folder, **{**chosen, **changes})


def _written(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


@functools.cache
def trusting(certificate: Path) -> ssl.SSLContext:
    """As strict as the bot's own, and trusting the server of the tests too; read once, for it takes long."""
    tls = strict_tls()
    tls.load_verify_locations(certificate)
    return tls


async def open_bot(
    stack: contextlib.AsyncExitStack,
    chosen: Settings,
    brain: Script,
    internet: Web,
    *,
    clock: Callable[[], float] = time.time,
    plugins: Mapping[str, Any] | None = None,
) -> Doors:
    """The engine, the Slack door and the gateway, until the stack is closed.

    :raises IronclawError: nothing was opened
    """
    more = {
        "test_brain": lambda _: BrainPlugin(brain),
        **(plugins or {}),
    }
    tls = trusting(chosen.data_dir.parent / "web.pem")
    outside = Egress(resolve=internet.resolve, open_socket=internet.open_socket, tls=tls)
    app = await stack.enter_async_context(
        open_app(chosen, clock=clock, egress=outside, plugins=more, spares=False)
    )
    clients = {team: web_client(token, chosen.slack_api_url) for team, token in TOKENS.items()}
    background = Background()

    def client(team: str) -> Any:
        return clients[team or "T0001"]

    bolt = make_slack(app, chosen, client, background)
    edge = SlackEdge(bolt.async_dispatch, SECRET)
    app.speak("slack", SlackSender(client, app))
    site = make_gateway(app, lambda site: site.add_routes(edge.routes()))
    return Doors(app, await stack.enter_async_context(served(site)), background)


async def main(folder: str, slack_url: str, internet_port: str, moment: str = "") -> int:
    """:return: 1 when the bot did not start"""
    internet = Web(port=int(internet_port), names={EFFECTS: [[PUBLIC]]})
    plugins = {"killer": lambda _: KilledAfterTool()} if moment == "after_tool" else {}
    chosen = bot_settings(Path(folder), slack_url, Issuer(), usual_tenants(), {})
    async with contextlib.AsyncExitStack() as stack:
        try:
            doors = await open_bot(stack, chosen, Script(), internet, plugins=plugins)
        except IronclawError as error:
            print(f"{type(error).__name__}: {error}", flush=True)
            return 1
        print(doors.port, flush=True)
        await asyncio.Event().wait()
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))
