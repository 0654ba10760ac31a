"""A Slack workspace on this machine: Web API, events, Socket Mode, and a page to click in.

It speaks Slack's wire protocol and knows nothing of the bot it talks to.
"""

from ironclaw_bot.playground.seed import PRIMARY, SECOND
from ironclaw_bot.playground.server import Playground
from ironclaw_bot.playground.world import SlackError

__all__ = ["PRIMARY", "SECOND", "Playground", "SlackError"]
