"""A conversation with each kind of server, whose quirks are played over HTTP as they are documented.

The files of ``tests/fakes/conversations`` are hand-written from documentation and issue threads, and say so.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.openai_server import FakeOpenAI, Reply
from tests.integration.planning import KEY, asking, brain

from ironclaw.errors import BrainError
from ironclaw.settings import ModelServer
from ironclaw.task import Message, Move, Role
from ironclaw_plugins.brain_openai import ModelBrain
from ironclaw_plugins.brain_openai.profiles import PROFILES, profile_of
from ironclaw_plugins.brain_openai.servers import Server

FOLDER = Path(__file__).parents[1] / "fakes" / "conversations"
ALL = sorted(FOLDER.glob("*.json"))


PLAYED = {path.stem: json.loads(path.read_text()) for path in ALL}


@pytest.mark.parametrize("name", PLAYED)
async def test_a_conversation(name: str) -> None:
    """
    Two calls at once, their results and an answer, or the server's refusal: understood as it comes.
    """
    played = PLAYED[name]
    history = [Message(Role.USER, "what do my two notes say?")]
    async with FakeOpenAI(key=KEY, tools=["files.read"]) as server:
        server.url = server.origin + played["base"]
        planner = brain(server, {"say_seconds": 0}, **played["settings"])
        for turn in played["turns"]:
            found = await outcome(planner, server, turn, history)
            assert turn["move"] == {key: found.get(key) for key in turn["move"]}

    assert played["about"].startswith("Hand-written from documentation")


async def outcome(
    planner: ModelBrain, server: FakeOpenAI, turn: dict[str, Any], history: list[Message]
) -> dict[str, Any]:
    """What came of one turn; the history then holds it, with a result for each call."""
    server.play([reply(turn["reply"])])
    said: list[str] = [""]
    try:
        move = await planner.plan(asking(*history, say=said.append))
    except BrainError as error:
        wanted = turn["move"].get("error", "")
        return {"error": wanted if wanted and wanted in str(error) else str(error)}
    finally:
        sent = server.requests[-1]
        assert turn["expect"] == {key: sent.get(key) for key in turn["expect"]}
        assert server.paths[-1].endswith(turn.get("path", ""))
    history += [Message(Role.ASSISTANT, move.answer or "", move.calls)]
    history += [Message(Role.TOOL, '{"output":"hello"}', call_id=call.id) for call in move.calls]
    history += [Message(Role.USER, "and now?")] if move.answer else []
    return {**described(move), "said": said[-1]}


def reply(written: dict[str, Any]) -> Reply:
    events = written.get("events")
    spoken = events and tuple(each if each == "[DONE]" else json.dumps(each) for each in events)
    return Reply(written.get("status", 200), body=written.get("body"), events=spoken)


def described(move: Move) -> dict[str, Any]:
    calls = [[call.tool, call.arguments] for call in move.calls]
    cached = sum(use.tokens_cached for use in move.uses)
    return {"calls": calls, "answer": move.answer, "tokens": move.tokens, "cached": cached}


def test_every_profile_is_played() -> None:
    """
    No profile without its conversation.
    """
    assert set() == PROFILES.keys() - PLAYED.keys()


@pytest.mark.parametrize(
    ("url", "profile"),
    [
        ("", "openai"),
        ("https://api.openai.com/v1", "openai"),
        ("https://acme.openai.azure.com", "azure"),
        ("https://acme.openai.azure.com.evil.example/v1", "compatible"),
        ("http://localhost:11434/v1", "ollama"),
        ("http://localhost:8000/v1", "compatible"),
    ],
)
def test_which_server_it_is(url: str, profile: str) -> None:
    """
    The address tells the profile where it can, and else nothing is taken for granted.
    """
    assert profile == profile_of("auto", url).name


@pytest.mark.parametrize(
    ("given", "api", "url"),
    [
        ({"base_url": "https://api.openai.com/v1"}, "responses", "https://api.openai.com/v1"),
        ({"base_url": "https://proxy.example/v1", "profile": "openai"}, "chat", "https://proxy.example/v1"),
        ({"base_url": "https://acme.openai.azure.com/"}, "chat", "https://acme.openai.azure.com/openai/v1"),
        (
            {"base_url": "http://localhost:11434/v1", "api": "responses"},
            "responses",
            "http://localhost:11434/v1",
        ),
    ],
)
def test_what_is_spoken(given: dict[str, Any], api: str, url: str) -> None:
    """
    Responses to OpenAI itself, Chat Completions elsewhere, unless the operator says otherwise.
    """
    server = Server.of(ModelServer(**given))

    assert (api, url) == (server.api.name, server.base_url)
