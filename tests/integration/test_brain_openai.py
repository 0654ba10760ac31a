"""The brain ``openai`` against a strict server on loopback."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest
from tests.fakes.openai_server import FakeOpenAI, Reply, calls, cut, error, slow, text
from tests.fakes.services import PlainServices
from tests.integration.planning import HELLO, KEY, asking, brain, refusal

from ironclaw.settings import Settings
from ironclaw.task import Message, ProposedCall, Role
from ironclaw_plugins.brain_openai import OpenAIBrain
from ironclaw_plugins.brain_openai.connecting import MAX_REPLY

SOON = {"retry-after-ms": "1"}


@pytest.fixture
async def server() -> AsyncIterator[FakeOpenAI]:
    async with FakeOpenAI(key=KEY) as fake:
        yield fake


async def test_answers(server: FakeOpenAI) -> None:
    """
    A text is an answer, with the tokens that the server counted.
    """
    server.on("hello", text("Hi.", tokens=42))
    found = await brain(server).plan(asking())

    assert ("Hi.", 42) == (found.answer, found.tokens)


async def test_calls_a_tool_and_reads_its_result(server: FakeOpenAI) -> None:
    """
    A call comes back under our tool's name; its result goes out in an envelope, answered once.
    """
    server.on("hello", calls(("files-read", {"path": "a"})))
    server.on("hello", text("It says x."), results=1)
    first = await brain(server).plan(asking())
    (call,) = first.calls
    history = (HELLO, Message(Role.ASSISTANT, calls=first.calls))

    second = await brain(server).plan(asking(*history, Message(Role.TOOL, '{"output":"x"}', call_id=call.id)))

    assert ("files.read", '{"path": "a"}') == (call.tool, call.arguments)
    assert "It says x." == second.answer
    sent = json.loads(server.requests[1]["messages"][-1]["content"])
    assert {"source": "tool files.read", "untrusted": '{"output":"x"}'} == sent


async def test_parallel_calls(server: FakeOpenAI) -> None:
    """
    All calls of one turn come back, in order, each with an id of its own.
    """
    server.on("hello", calls(("files-read", {"path": "a"}), ("files-read", {"path": "b"})))

    found = (await brain(server).plan(asking())).calls

    assert ['{"path": "a"}', '{"path": "b"}'] == [call.arguments for call in found]
    assert 2 == len({call.id for call in found})


async def test_leaves_judging_to_the_veto(server: FakeOpenAI) -> None:
    """
    A tool that was not offered and arguments of another form come back exactly as the model wrote them.
    """
    server.on("hello", calls(("shell-run", {"cmd": "ls"}), ("files-read", {"file": None})))
    found = (await brain(server).plan(asking())).calls

    assert [("shell-run", '{"cmd": "ls"}'), ("files.read", '{"file": null}')] == [
        (call.tool, call.arguments) for call in found
    ]


async def test_unanswered_call_is_said_to_be_not_run(server: FakeOpenAI) -> None:
    """
    A call without a result, as a stopped workflow leaves it, is answered so that the server accepts the turn.
    """
    server.on("again", text("ok"))
    call = ProposedCall("c", "files.read", "{}")
    history = (
        HELLO,
        Message(Role.ASSISTANT, calls=(call,)),
        Message(Role.USER, "again"),
    )

    await brain(server).plan(asking(*history))

    assert "was not run" in server.requests[0]["messages"][3]["content"]


async def test_waits_out_a_rate_limit(server: FakeOpenAI) -> None:
    """
    A 429 with a short Retry-After is tried again, and the person never hears of it.
    """
    server.on("hello", error(429, "rate_limit_exceeded", headers=SOON), times=1)
    server.on("hello", text("Hi."))

    assert "Hi." == (await brain(server).plan(asking())).answer
    assert 2 == len(server.requests)


PASSING = {
    "429": error(429, "rate_limit_exceeded", headers=SOON),
    "500": error(500),
    "503": error(503, headers={"Retry-After": "0"}),
    "a date that is over": error(503, headers={"Retry-After": "Sun, 06 Nov 1994 08:49:37 GMT"}),
    "no sense in the header": error(500, headers={"Retry-After": "soon"}),
    "cut": cut(text("Hi.")),
    "no JSON": Reply(body=b"<html>"),
    "half of it": Reply(body=b'{"choices": [{"mess'),
    "an empty object": Reply(body={}),
}


@pytest.mark.parametrize("name", PASSING)
async def test_asks_again(server: FakeOpenAI, name: str) -> None:
    """
    What may pass is asked again, and the person never hears of it.
    """
    server.on("hello", PASSING[name], times=3)
    server.on("hello", text("Hi."))

    assert "Hi." == (await brain(server).plan(asking())).answer
    assert 4 == len(server.requests)


@pytest.mark.parametrize("name", PASSING)
async def test_asks_so_often_and_no_more(server: FakeOpenAI, name: str) -> None:
    """
    A fault that stays is a sentence after four requests.
    """
    server.on("hello", PASSING[name])

    assert (await refusal(brain(server))).endswith(".")
    assert 4 == len(server.requests)


@pytest.mark.parametrize(
    "reply", [error(400), error(404, "model_not_found"), error(429, "insufficient_quota"), text("", "length")]
)
async def test_what_will_not_pass(server: FakeOpenAI, reply: Reply) -> None:
    """
    Where another request would fare no better there is none.
    """
    server.on("hello", reply)
    await refusal(brain(server))

    assert 1 == len(server.requests)


async def test_a_long_pause(server: FakeOpenAI) -> None:
    """
    A pause that the server asks for and that is longer than the turn may be is not waited for, nor cut short.
    """
    server.on("hello", error(429, "rate_limit_exceeded", headers={"Retry-After": "3600"}))

    assert "asks for a pause" in await refusal(brain(server))
    assert 1 == len(server.requests)


async def test_waits_as_long_as_it_is_asked_to(server: FakeOpenAI) -> None:
    """
    Retry-After is kept, to the fraction of a second.
    """
    server.on("hello", error(429, headers={"retry-after-ms": "300"}), times=1)
    server.on("hello", text("Hi."))
    began = time.monotonic()
    await brain(server).plan(asking())

    assert 0.3 <= time.monotonic() - began


async def test_retries_end_with_the_turn(server: FakeOpenAI) -> None:
    """
    However often it may be asked: no pause is begun that would end after the turn.
    """
    server.on("hello", error(500))
    began = time.monotonic()

    assert "answered 500" in await refusal(brain(server, {"first_pause": 10.0, "turn_seconds": 2.0}))
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (error(429, "insufficient_quota", headers=SOON), "quota or credit is used up: add to it"),
        (error(500, headers=SOON), "answered 500"),
        (error(404, "model_not_found"), "check openai_model and OPENAI_BASE_URL, which mostly ends in /v1."),
        (error(400, message=f"your key {KEY} is odd"), "tool calling"),
        (Reply(302, {"Location": "http://127.0.0.1:9/v1"}, {}), "answered 302"),
        (Reply(body=b"<html>"), "no model's turn"),
        (Reply(body={"choices": []}), "no model's turn"),
        (text("", "length"), "cut off"),
        (calls(("files-read", '{"pa'), finish="length"), "nothing of it was used"),
        (text("", "content_filter"), "content filter"),
    ],
)
async def test_failures_are_sentences(server: FakeOpenAI, reply: Reply, sentence: str) -> None:
    """
    Whatever the server does wrong, the person reads what happened and what to do, and no key.
    """
    server.on("hello", reply)

    said = await refusal(brain(server))

    assert sentence in said
    assert KEY not in said


async def test_wrong_key(server: FakeOpenAI) -> None:
    """
    A refused key names the setting to check, not the key.
    """
    said = await refusal(brain(server, openai_api_key="sk-" + "wrong"))

    assert "The model did not answer: the server refused the API key: check OPENAI_API_KEY." == said


async def test_wrong_key_of_another_server(server: FakeOpenAI) -> None:
    """
    Of a server with a table of its own the sentence names the settings in that table, not the common ones.
    """
    named = {"local": {"base_url": server.url, "api_key": "wrong" + "-key"}}

    said = await refusal(brain(server, openai_servers=named, openai_model="m@local"))

    assert said.endswith("the server refused the API key: check api_key in [openai_servers.local].")


async def test_connection_that_breaks(server: FakeOpenAI) -> None:
    """
    A reply that ends in the middle is not read as half an answer.
    """
    server.on("hello", cut(text("Hi.")))

    assert "The connection to the model's server broke. Try again." == await refusal(brain(server))


async def test_endless_reply(server: FakeOpenAI) -> None:
    """
    A reply of more than fits is cut off.
    """
    server.on("hello", Reply(body=b" " * (MAX_REPLY + 1)))

    assert "endless answer" in await refusal(brain(server))


async def test_nobody_there() -> None:
    """
    A server that is not running is named as unreachable.
    """
    async with FakeOpenAI() as gone:
        pass

    assert "cannot be reached" in await refusal(brain(gone))


async def test_silence_ends(server: FakeOpenAI) -> None:
    """
    A server that says nothing costs a bounded time.
    """
    server.on("hello", slow(text("late")))

    assert "did not answer in time" in await refusal(brain(server, {"turn_seconds": 0.2}))


async def test_can_be_cancelled(server: FakeOpenAI) -> None:
    """
    Stopping a workflow stops the request behind it at once.
    """
    server.on("hello", slow(text("late")))
    turn = asyncio.create_task(brain(server).plan(asking()))
    await server.asked.wait()
    turn.cancel()

    with pytest.raises(asyncio.CancelledError):
        await turn


async def test_ignores_the_environment(server: FakeOpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Proxy variables and organisation ids of the environment do not steer the request.
    """
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-other")
    server.on("hello", text("Hi."))

    assert "Hi." == (await brain(server).plan(asking())).answer
    assert "OpenAI-Organization" not in server.headers[0]


async def test_azure_ignores_it_too(server: FakeOpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Neither a token nor an endpoint of the environment takes the place of the settings' key and server.
    """
    monkeypatch.setenv("AZURE_OPENAI_AD_TOKEN", "somebody-elses")
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OPENAI_API_VERSION", "1999-01-01")
    server.on("hello", text("Hi."))
    server.url = server.origin

    older = {"openai_profile": "azure", "openai_api_version": "2024-10-21"}
    assert "Hi." == (await brain(server, **older).plan(asking())).answer
    assert server.paths[0].endswith("?api-version=2024-10-21")


async def test_declining_is_an_answer(server: FakeOpenAI) -> None:
    """
    A model's refusal is told to the person.
    """
    server.on("hello", text("", refusal="I cannot help with that."))

    assert "The model declined: I cannot help with that." == (await brain(server).plan(asking())).answer


async def test_the_fake_is_strict(server: FakeOpenAI) -> None:
    """
    A request that no rule expects is an error, not a default answer.
    """
    await refusal(brain(server))

    assert ["no rule for 'hello' after 0 results"] == server.forgive()


async def test_a_bad_request_fails_its_test() -> None:
    """
    Whatever the linter dislikes, and nobody forgave, is an error when the server is left.
    """
    body = {"model": "m", "instructions": "s", "input": [{"role": "user", "content": "hello"}]}
    with pytest.raises(AssertionError):
        async with FakeOpenAI() as fake, aiohttp.ClientSession() as session:
            await session.post(f"{fake.url}/responses", json=body)

    assert ["store is on"] == fake.complaints


async def test_plugin_offers_the_brain() -> None:
    """
    The plugin registers its brain under the name that the setting uses.
    """
    plugin = OpenAIBrain(PlainServices(Settings()))

    assert ["openai"] == list(plugin.ironclaw_brains())
