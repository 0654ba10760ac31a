"""The brain ``openai``: any server that speaks Chat Completions or Responses.  It plans; it runs nothing.

``brain`` asks and asks again, ``servers`` says whom, ``wire`` is the port between them and an API; ``chat``
and ``responses`` are the two APIs, ``profiles`` the quirks of servers, ``connecting`` the network.
"""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from ironclaw.hookspecs import Services, hookimpl
from ironclaw.task import Brain
from ironclaw_plugins.brain_openai.brain import ModelBrain
from ironclaw_plugins.brain_openai.servers import CLEAR, Choices

__all__ = ["ModelBrain", "OpenAIBrain"]

log = structlog.get_logger(__name__)


class OpenAIBrain:
    """The plugin."""

    def __init__(self, services: Services) -> None:
        """:raises SettingsError: as :class:`Choices`"""
        settings = services.settings
        choices = Choices(settings, services.tenant)
        self._brain = ModelBrain(settings, choices)
        if settings.brain_name == "openai":
            for host in sorted({each.server.host for each in choices.all() if each.server.is_in_the_clear}):
                log.warning("model_over_plain_http", host=host, remedy=CLEAR)

    @hookimpl
    def ironclaw_brains(self) -> Mapping[str, Brain]:
        return {"openai": self._brain}
