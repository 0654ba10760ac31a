"""The whole Slack door before an engine in memory, and the playground as its workspace."""

from __future__ import annotations

from ironclaw.task import Address, Notice, NoticeKind
from ironclaw_bot.playground import Playground
from ironclaw_bot.slack.app import make_slack
from ironclaw_bot.slack.background import Background
from ironclaw_bot.slack.client import web_client
from ironclaw_bot.slack.homes import Homes
from ironclaw_bot.slack.outbox import SlackSender
from tests.fakes.approvals import NOW, an_approval
from tests.fakes.memory_engine import MemoryEngine

SECRET = "s" * 32
TOKENS = {"T0001": "-".join(("xoxb", "one")), "T0002": "-".join(("xoxb", "two"))}
APP_TOKEN = "-".join(("xapp", "one"))
PATIENCE = 60.0  #: Seconds in the place of Slack's three, which a busy machine may need by itself.


class Slack:
    """The playground, the door, and an engine in memory behind it."""

    def __init__(self, playground, configuration):
        self.playground = playground
        self.people = playground.people
        self.engine = MemoryEngine(configuration, lambda: NOW)
        self.background = Background()
        self.clients = {
            team: web_client(token, configuration.slack_api_url) for team, token in TOKENS.items()
        }
        self.homes = Homes(self.engine, self.client)
        self.sender = SlackSender(self.client, self.engine, homes=self.homes)
        self.bolt = make_slack(self.engine, configuration, self.client, self.background, self.homes)

    def client(self, team):
        return self.clients[team or "T0001"]

    async def settle(self):
        await self.playground.courier.settle()
        await self.background.drain()

    def channel(self, name, team="T0001"):
        return self.playground.world.team(team).channel(name)

    def deliveries(self, name):
        found = [one for one in self.playground.journal if one["what"] == "delivery" and one["name"] == name]
        return [[attempt["status"] for attempt in one["attempts"]] for one in found]

    def home(self, user):
        """The App Home of somebody."""
        return self.playground.world.team("T0001").homes[user]

    def modal(self, user):
        """What is on somebody's screen."""
        team = self.playground.world.team("T0001")
        return team.views[team.stacks[user][-1]]

    async def whispered(self, user, channel="ops"):
        """What one person alone was told."""
        await self.settle()
        return [one["text"] for one in self.channel(channel).ephemerals if one["to"] == user]

    async def card(self, **changes):
        """A card in #ops, for a review that waits."""
        self.engine.reviews["ap_1"] = an_approval(**changes)
        return await self.show("ap_1")

    async def show(self, card, channel="C1OPS", ref=None):
        """What the outbox does with a card: send it, and keep where it stands."""
        shown = await self.sender.send(notice(NoticeKind.CARD, {"card": card}, channel, ref))
        self.engine.cards.refs.setdefault(card, []).append(shown)
        return shown


def notice(kind, body, channel="C1OPS", ref=None, **place):
    address = Address("slack", {"channel": channel, **place})
    return Notice(1, "acme", "wf_1", "subject", kind, address, body, ref)


def a_playground():
    """Two workspaces that never sleep, and are patient: tested is what is done, and in which order."""
    playground = Playground(
        signing_secret=SECRET,
        bot_token=TOKENS["T0001"],
        second_bot_token=TOKENS["T0002"],
        app_token=APP_TOKEN,
        sleep=_no_sleep,
        ack_seconds=PATIENCE,
    )
    playground.hub.trigger_seconds = PATIENCE
    return playground


async def _no_sleep(seconds):
    return None
