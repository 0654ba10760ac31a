"""The brain ``openai``: any server that speaks Chat Completions or Responses.  It plans; it runs nothing.

``brain`` asks and asks again, ``servers`` says whom, ``wire`` is the port between them and an API; ``chat``
and ``responses`` are the two APIs, ``profiles`` the quirks of servers, ``connecting`` the network.
"""

from __future__ import annotations

from collections.abc import Mapping

from ironclaw.hookspecs import Services, hookimpl
from ironclaw.task import Brain
from ironclaw_plugins.brain_openai.brain import ModelBrain
from ironclaw_plugins.brain_openai.servers import Choices

__all__ = ["ModelBrain", "OpenAIBrain"]


class OpenAIBrain:
    """The plugin."""

    def __init__(self, services: Services) -> None:
        """:raises SettingsError: a prompt or a server of the settings is not there"""
        settings = services.settings
        self._brain = ModelBrain(settings, Choices(settings, services.tenant))

    @hookimpl
    def ironclaw_brains(self) -> Mapping[str, Brain]:
        return {"openai": self._brain}
