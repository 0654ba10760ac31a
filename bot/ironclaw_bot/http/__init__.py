"""The HTTP door: tasks, workflows and decisions as JSON."""

from ironclaw_bot.http.gateway import make_gateway

__all__ = ["make_gateway"]
