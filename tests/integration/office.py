"""The playground with the real engine and the whole Slack door in it, in one process."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from aiohttp import web
from tests.fakes.slack_door import SECRET, TOKENS
from tests.fakes.wire import HOST, served
from tests.integration.engine import Moves, engine, settings

from ironclaw.app import Ironclaw
from ironclaw.settings import TenantSettings
from ironclaw_bot.http.doubt_page import DoubtPage
from ironclaw_bot.http.step_up import StepUpPage
from ironclaw_bot.playground import Playground
from ironclaw_bot.slack.client import web_client
from ironclaw_bot.slack.door import SlackDoor
from ironclaw_bot.slack.edge import PATH

ACME = TenantSettings(
    slack=("T0001",),
    approvers=("slack:T0001:U1BO", "slack:T0001:U1CY"),
    approvals_channel="C1APPROVALS",
    groups={"leads": ("@S1LEADS",)},
)
Json = dict[str, Any]


class Office:
    """The playground with the real bot in it."""

    def __init__(self, playground: Playground, app: Ironclaw, brain: Moves) -> None:
        self.playground, self.app, self.brain = playground, app, brain
        self.people = playground.people

    async def asked(self) -> str:
        """Ada asks in #ops; once its card is in the thread, the card's ts there."""
        self.people.say("ada", "ops", "@ironclaw write")
        await self.shown("ops", "Approval needed")
        return str(self.card("ops")["ts"])

    def card(self, channel: str) -> Json:
        room = self.playground.world.team("T0001").channel(channel)
        cards = (one for one in reversed(room.messages) if one["blocks"][0]["type"] == "header")
        return next(cards)

    async def shown(self, channel: str, text: str) -> None:
        """Returns once the channel's newest card has this in it."""

        def look() -> bool:
            with contextlib.suppress(StopIteration):
                return text in str(self.card(channel)["blocks"])
            return False

        await self.playground.wait_for(look, 20)

    async def home(self, user: str, text: str) -> Json:
        """Somebody's Home, once this is in it."""
        homes = self.playground.world.team("T0001").homes
        await self.playground.wait_for(lambda: text in str(homes.get(user, "")), 20)
        return homes[user]

    def written(self, folder: Path) -> list[str]:
        return [one.read_text() for one in (folder / "data/mnt/scratch/acme").rglob("*") if one.is_file()]


@contextlib.asynccontextmanager
async def an_office(
    folder: Path, toolboxes: Path, playground: Playground, brain: Moves, **more: Any
) -> AsyncIterator[Office]:
    """
    :param more: settings of the engine, and its clock
    """
    changes = {
        "tenants": more.pop("tenants", {"acme": ACME}),
        "slack_signing_secret": SECRET,
        "slack_api_url": f"{playground.url}/api/",
    }
    client = web_client(TOKENS["T0001"], f"{playground.url}/api/")
    async with engine(folder, brain, toolboxes, **changes, **more) as app:
        door = SlackDoor(app, settings(folder, **changes), client, {})
        site = web.Application()
        door.add_routes(site)
        site.add_routes([*StepUpPage(app).routes(), *DoubtPage(app).routes()])
        async with served(site) as port:
            playground.send_to(f"http://{HOST}:{port}{PATH}")
            app.step_ups.base_url = f"http://{HOST}:{port}"
            await door.open()
            yield Office(playground, app, brain)
            await door.close()
