"""The Web API's methods: each takes the desk, the token's team and the arguments, and returns the answer.

A method that is in none of these tables is `unknown_method`, as in Slack.
"""

from __future__ import annotations

from ironclaw_bot.playground.methods import chat, conversations, people, statuses, streams, views
from ironclaw_bot.playground.methods.desk import Desk, Method

METHODS: dict[str, Method] = {
    **chat.METHODS,
    **conversations.METHODS,
    **people.METHODS,
    **statuses.METHODS,
    **streams.METHODS,
    **views.METHODS,
}

__all__ = ["METHODS", "Desk", "Method"]
