"""What tests of the brain ``openai`` share: a brain that is quick to try again, and a conversation."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fakes.openai_server import FakeOpenAI

from ironclaw.errors import BrainError
from ironclaw.settings import Settings
from ironclaw.task import Conversation, Message, Role, ToolOffer
from ironclaw_plugins.brain_openai import ModelBrain

KEY = "sk-" + "test-4f9a0c"
READ = ToolOffer(
    "files.read",
    "Read a file.",
    {
        "type": "object",
        "additionalProperties": False,
        "required": ["path"],
        "properties": {"path": {"type": "string"}, "lines": {"type": "integer"}},
    },
)
HELLO = Message(Role.USER, "hello")


def brain(server: FakeOpenAI, times: dict[str, float] | None = None, **values: Any) -> ModelBrain:
    """A brain that plans with the server.

    :param times: seconds, as ModelBrain has them
    :param values: settings
    """
    known = {"openai_base_url": server.url, "openai_api_key": KEY, **values}
    return ModelBrain(Settings.model_validate(known), **{"first_pause": 0.001, **(times or {})})


def asking(*messages: Message, **more: Any) -> Conversation:
    return Conversation("t1", "w1", "local:ann", messages or (HELLO,), (READ,), **more)


async def refusal(brain: ModelBrain, conversation: Conversation | None = None) -> str:
    with pytest.raises(BrainError) as caught:
        await brain.plan(conversation or asking())
    return str(caught.value)
