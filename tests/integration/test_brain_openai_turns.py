"""Turns of the brain ``openai`` that do not go straight: streams, repairs, fallbacks, questions, cost."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.openai_lint import items
from tests.fakes.openai_server import FakeOpenAI, Reply, calls, cut, error, slow, text
from tests.fakes.services import PlainServices
from tests.integration.planning import HELLO, KEY, asking, brain, refusal

from ironclaw.errors import BrainError, ContextTooLong, SettingsError
from ironclaw.settings import Settings, TenantSettings
from ironclaw.task import Message, ModelUse, PricedBrain, ProposedCall, Question, Role, SummarisingBrain
from ironclaw_plugins.brain_openai import ModelBrain, OpenAIBrain

BOTH = pytest.mark.parametrize("api", ["chat", "responses"])
OPENAI = {"openai_profile": "openai"}  # Streams with tools, strict schemas.
ASK = ("ask_person", {"question": " Which one? ", "choices": ["a", "b", "a", " ", "c", "d", "e", "f"]})


FREE, PRICE = {"input": 0, "output": 0}, {"input": 1, "output": 1}
PRICED = {"brain": "openai", "openai_model": "m1", "prices": {"m1": {"input": 1, "output": 1}}}
LIMITED = {**PRICED, "max_cost": 1}
LOCAL = {"openai_servers": {"local": {"base_url": "http://127.0.0.1:8000/v1"}}}


@pytest.fixture
async def server() -> AsyncIterator[FakeOpenAI]:
    async with FakeOpenAI(key=KEY, tools=["files.read"]) as fake:
        yield fake


@BOTH
async def test_says_the_answer_as_it_grows(server: FakeOpenAI, api: str) -> None:
    """
    A streamed answer is told word by word, the whole of it each time, before it is the answer.
    """
    server.on("hello", text("It is forty two."))
    said: list[str] = []
    conversation = asking(say=said.append)
    found = await brain(server, {"say_seconds": 0}, openai_api=api, **OPENAI).plan(conversation)

    assert ["It ", "It is ", "It is forty ", "It is forty two."] == said
    assert (found.answer, found.tokens) == ("It is forty two.", 10)


@BOTH
async def test_a_whole_conversation(server: FakeOpenAI, api: str) -> None:
    """
    Parallel calls come streamed, in order, nulls of a strict schema gone; their results go back, once each.
    """
    server.on("hello", calls(("files-read", {"path": "a", "lines": None}), ("files-read", {"path": "b"})))
    server.on("hello", text("Both read."), results=2)
    planner = brain(server, openai_api=api, **OPENAI)
    first = await planner.plan(asking())
    results = [Message(Role.TOOL, '{"output":"x"}', call_id=call.id) for call in first.calls]
    after = await planner.plan(asking(HELLO, Message(Role.ASSISTANT, calls=first.calls), *results))

    assert ['{"path": "a"}', '{"path": "b"}'] == [call.arguments for call in first.calls]
    assert "Both read." == after.answer
    assert [False, False] == [body["store"] for body in server.requests]


BROKEN = {
    "no JSON": (calls(("files-read", '{"path": ')), "must be one JSON object"),
    "a key twice": (calls(("files-read", '{"path": "a", "path": "b"}')), "same key twice"),
    "no object": (calls(("files-read", '["secret-of-the-turn"]')), "must be a JSON object"),
    "too many": (calls(*[("files-read", {"path": "a"})] * 129), "far too many"),
    "nothing": (text(""), "held neither"),
    "cut": (cut(text("secret-of-the-turn and then")), "broke off"),
    "garbled": (Reply(events=('{"choices": 5}', "[DONE]")), "came garbled"),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_turn_is_given_again(server: FakeOpenAI, name: str) -> None:
    """
    The model is told once what was wrong with its turn, in our words and with nothing of that turn.
    """
    reply, told = BROKEN[name]
    server.play([reply, text("Better.")])
    found = await brain(server, openai_api="chat", **OPENAI).plan(asking())

    last = items(server.requests[-1])[-1]
    assert ("Better.", "user") == (found.answer, last.role)
    assert told in last.text
    assert "secret-of-the-turn" not in json.dumps(server.requests)


@pytest.mark.parametrize("name", BROKEN)
async def test_one_repair_and_no_more(server: FakeOpenAI, name: str) -> None:
    """
    A turn that is broken twice is an error with a sentence, after two requests.
    """
    server.play([BROKEN[name][0]] * 2)

    assert (await refusal(brain(server, openai_api="chat", **OPENAI))).endswith(".")
    assert (2, True) == (len(server.requests), server.is_played)


async def test_a_stream_that_never_began(server: FakeOpenAI) -> None:
    """
    Where nothing of a turn came, it is asked for again as it was.
    """
    server.play([cut(Reply(events=())), text("Hi.")])

    assert "Hi." == (await brain(server, **OPENAI).plan(asking())).answer
    assert server.requests[0] == server.requests[1]


MIDWAY = {
    "chat": '{"error": {"message": "overloaded", "type": "server_error", "code": null}}',
    "responses": '{"type": "response.failed", "response": {"status": "failed", "output": [], '
    '"error": {"code": "server_error", "message": "sorry"}}}',
}


@BOTH
async def test_an_error_in_a_stream(server: FakeOpenAI, api: str) -> None:
    """
    A server that gives up in the middle is asked again, without a word to the model.
    """
    server.play([Reply(events=(MIDWAY[api],)), text("Hi.")])

    assert "Hi." == (await brain(server, openai_api=api, **OPENAI).plan(asking())).answer
    assert server.requests[0] == server.requests[1]


LONG = [
    error(400, "context_length_exceeded"),
    error(413),
    error(400, "", "This model's maximum context length is 8192 tokens. However, you requested 9000."),
    Reply(
        400, body={"error": {"code": 400, "type": "exceed_context_size_error", "message": "", "n_ctx": 4096}}
    ),
    error(500, "", "Context size has been exceeded."),
    Reply(events=('{"error": {"code": "context_length_exceeded", "message": "too long"}}',)),
]


@pytest.mark.parametrize("reply", LONG)
async def test_too_long(server: FakeOpenAI, reply: Reply) -> None:
    """
    However a server says that it cannot read so much, it is one error, asked once, and no fallback is tried.
    """
    server.on("hello", reply)
    planner = brain(server, openai_fallbacks=["another"], **OPENAI, openai_api="chat")

    with pytest.raises(ContextTooLong, match="ask in a new thread"):
        await planner.plan(asking())
    assert 1 == len(server.requests)


async def test_falls_back_in_order(server: FakeOpenAI) -> None:
    """
    Where one model cannot, the next is asked, at its own server and with that server's key alone.
    """
    async with FakeOpenAI(key="another key") as second:
        server.on("hello", error(404, "model_not_found"))
        second.on("hello", text("Hi."))
        servers = {"local": {"base_url": second.url, "api_key": "another key"}}
        planner = brain(server, openai_servers=servers, openai_fallbacks="m2, m3@local")
        found = await planner.plan(asking())

    assert "Hi." == found.answer
    asked = [body["model"] for fake in (server, second) for body in fake.requests]
    assert ["gpt-5-mini", "m2", "m3"] == asked == [use.model for use in found.uses]
    assert KEY not in json.dumps([dict(each) for each in second.headers])


@pytest.mark.parametrize("reply", [error(400, "content_filter"), text("", "content_filter")])
async def test_a_refused_task_is_not_shopped_around(server: FakeOpenAI, reply: Reply) -> None:
    """
    What a server's filter stopped is not taken to another model.
    """
    server.on("hello", reply)

    assert "content filter" in await refusal(brain(server, openai_fallbacks="m2"))
    assert 1 == len(server.requests)


async def test_a_silent_model_leaves_time(server: FakeOpenAI) -> None:
    """
    A model that says nothing does not use up its fallback's time.
    """
    server.play([slow(text("Late.")), text("Hi.")])

    assert "Hi." == (await brain(server, {"turn_seconds": 1.0}, openai_fallbacks="m2").plan(asking())).answer


async def test_what_it_cost(server: FakeOpenAI) -> None:
    """
    Each request counts, the broken one too, with its prompt's version and what its model's tokens cost.
    """
    price = {"input": 2, "cached": 0.5, "output": 8}
    server.play([calls(("files-read", "{"), tokens=101), error(500), text("Hi.", tokens=101, cached=60)])
    found = await brain(server, prices={"gpt-5-mini": price}).plan(asking())

    prompt = found.uses[0].prompt
    assert prompt.startswith("system.md@")
    assert (
        ModelUse("gpt-5-mini", prompt, 100, 0, 1, 208),
        ModelUse("gpt-5-mini", prompt, 0, 0, 0, 0),
        ModelUse("gpt-5-mini", prompt, 100, 60, 1, 118),
    ) == found.uses
    assert 202 == found.tokens


async def test_what_led_nowhere_cost_too(server: FakeOpenAI) -> None:
    """
    A turn that failed says what it used.
    """
    server.play([text("", tokens=50), text("", tokens=51)])
    with pytest.raises(BrainError) as caught:
        await brain(server).plan(asking())

    assert [50, 51] == [use.tokens_in + use.tokens_out for use in caught.value.uses]


async def test_no_request_beyond_the_budget(server: FakeOpenAI) -> None:
    """
    Neither a repair nor a fallback is begun when the task's tokens are used up.
    """
    server.play([text("", tokens=50)])

    said = await refusal(brain(server, openai_fallbacks="m2"), asking(tokens_left=50))
    assert ("used up" in said, 1) == (True, len(server.requests))


async def test_no_request_beyond_the_money(server: FakeOpenAI) -> None:
    """
    Nor when its money is: each request of a turn counts, also of one whose reply is of no use.
    """
    server.play([text("", tokens=50)])
    planner = brain(server, openai_fallbacks="m2", prices={"gpt-5-mini": PRICE, "m2": PRICE})

    said = await refusal(planner, asking(micros_left=50))
    assert ("used up" in said, 1) == (True, len(server.requests))


async def test_reckons_by_the_dearest(server: FakeOpenAI) -> None:
    """
    What a turn may cost is reckoned by the dearest model that may be asked for that tenant.
    """
    dear = {"input": 2, "output": 10}
    tenants = {"t1": {"openai_fallbacks": ["m2"]}}
    planner = brain(server, prices={"gpt-5-mini": PRICE, "m2": dear}, tenants=tenants)

    assert isinstance(planner, PricedBrain)
    assert (200, 1_200) == (planner.reckon("t2", 100, 100), planner.reckon("t1", 100, 100))


@BOTH
async def test_asks_the_person(server: FakeOpenAI, api: str) -> None:
    """
    The model's question comes with five choices at most, and the answer goes back as that call's result.
    """
    server.on("hello", calls(ASK))
    server.on("hello", text("Thanks."), results=1)
    planner = brain(server, openai_api=api, **OPENAI)
    move = await planner.plan(asking(can_ask=True))
    assert move.question is not None
    assert Question(move.question.call_id, "Which one?", ("a", "b", "c", "d", "e")) == move.question
    asked = ProposedCall(move.question.call_id, "ask_person", json.dumps(ASK[1]))
    history = (HELLO, Message(Role.ASSISTANT, calls=(asked,)), Message(Role.TOOL, '"b"', call_id=asked.id))
    assert "Thanks." == (await planner.plan(asking(*history, can_ask=True))).answer

    result = items(server.requests[-1])[-1]
    assert {"source": "the person's answer", "untrusted": '"b"'} == json.loads(result.text)


async def test_calls_win_over_a_question(server: FakeOpenAI) -> None:
    """
    In a turn that also calls tools the question is left out.
    """
    server.on("hello", calls(ASK, ("files-read", {"path": "a"})))
    move = await brain(server).plan(asking(can_ask=True))

    assert (["files.read"], None) == ([call.tool for call in move.calls], move.question)


async def test_nobody_to_ask(server: FakeOpenAI) -> None:
    """
    Where no person can be asked, the function is not offered, and a call of it is one of no tool.
    """
    server.on("hello", calls(ASK))
    move = await brain(server).plan(asking())

    assert ("ask_person", None) == (move.calls[0].tool, move.question)
    assert ["files-read"] == [each["function"]["name"] for each in server.requests[0]["tools"]]


@pytest.mark.parametrize("args", [{}, {"question": " "}, {"question": "a", "choices": "b"}])
async def test_a_question_without_words(server: FakeOpenAI, args: dict[str, Any]) -> None:
    """
    A question that says nothing is a broken turn.
    """
    server.play([calls(("ask_person", args)), text("Never mind.")])

    assert "Never mind." == (await brain(server).plan(asking(can_ask=True))).answer


async def test_a_tenants_own(server: FakeOpenAI, tmp_path: Path) -> None:
    """
    Model, temperature, limit and prompt are the tenant's where it has them, the common ones elsewhere.
    """
    (tmp_path / "own.md").write_text("Plan well.\n")
    own = {
        "openai_model": "m9",
        "temperature": 0.5,
        "max_output_tokens": 99,
        "prompt_file": tmp_path / "own.md",
    }
    server.on("hello", text("Hi."))
    planner = brain(server, tenants={"t1": own}, max_output_tokens=50)
    found = await planner.plan(asking())
    await planner.plan(dataclasses.replace(asking(), tenant="t2"))

    mine, other = server.requests
    keys = ("model", "temperature", "max_tokens")
    assert ("m9", 0.5, 99) == tuple(mine[key] for key in keys)
    assert "Plan well." == mine["messages"][0]["content"]
    assert ("gpt-5-mini", None, 50) == tuple(other.get(key) for key in keys)
    version = hashlib.sha256(b"Plan well.").hexdigest()[:12]
    assert [f"own.md@{version}"] == [use.prompt for use in found.uses]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"prompt_file": "gone.md"}, "prompt_file: gone.md cannot be read: No such file"),
        ({"tenants": {"t1": {"prompt_file": "gone.md"}}}, "prompt_file: gone.md cannot be read"),
        ({"openai_fallbacks": ["m@nowhere"]}, "there is no table .openai_servers.nowhere."),
        ({"tenants": {"t1": {"openai_model": "m@nowhere"}}}, "there is no table .openai_servers.nowhere."),
        ({**LIMITED, "prices": {}}, 'Write .prices."m1". with input and output'),
        ({**LIMITED, "openai_fallbacks": ["m2"]}, "max_cost or budget_per_day.*and m2 has no price"),
        ({**LIMITED, "openai_fallbacks": ["m1@local"], **LOCAL}, "m1@local has no price"),
        ({**LIMITED, "tenants": {"t1": {"openai_model": "m3"}}}, "m3 has no price"),
        ({**PRICED, "tenants": {"t1": {"openai_model": "m3", "budget_per_day": 1}}}, "m3 has no price"),
        ({"openai_base_url": "localhost:8000/v1"}, "^openai_base_url: write http"),
        ({"openai_base_url": "https:///v1"}, "^openai_base_url: write http"),
        ({"openai_base_url": "ftp://h.example/v1"}, "^openai_base_url: write http"),
        ({"openai_base_url": "https://h.example:0/v1"}, "^openai_base_url: write http"),
        ({"openai_base_url": "https://h.example:port/v1"}, "^openai_base_url: write http"),
        ({"openai_base_url": "https://h.example/v1?x=1"}, "without user, password, . and #.$"),
        ({"openai_base_url": "https://h.example/v 1"}, "^openai_base_url: write http"),
        ({"openai_base_url": "https://u:hunter2@h.example/v1"}, "^((?!hunter2).)*without user, password"),
        ({"openai_base_url": "https://h.example/v1/chat/completions/"}, "leave /chat/completions off"),
        ({"openai_base_url": "https://h.example/v1/responses"}, "leave /responses off"),
        ({"openai_base_url": "http://h.example/v1", "openai_api_key": KEY}, "key does not go to another"),
        ({"openai_base_url": "http://127.0.0.1.nip.example", "openai_api_key": KEY}, "key does not go to"),
        ({"openai_servers": {"x": {"base_url": "h"}}}, r"^base_url of \[openai_servers.x\]: write http"),
    ],
)
def test_nothing_starts(values: dict[str, Any], sentence: str) -> None:
    """
    What is not there, no address, or has no price where money is limited is told at the start.
    """
    with pytest.raises(SettingsError, match=sentence):
        OpenAIBrain(PlainServices(Settings.model_validate(values)))


@pytest.mark.parametrize(
    "values",
    [
        {**LIMITED, "openai_fallbacks": ["m1@local"], **LOCAL, "prices": {"m1": FREE, "m1@local": FREE}},
        {**PRICED, "openai_fallbacks": ["m2"]},
        {**LIMITED, "brain": "commands", "prices": {}},
        {"openai_base_url": "http://[::1]:8000/v1/", "openai_api_key": KEY},
        {"openai_base_url": "http://ollama:11434/v1"},
        {"openai_base_url": "https://h.example", "openai_api_key": KEY},
    ],
)
def test_it_starts(values: dict[str, Any]) -> None:
    """
    With a price for each model, 0 too, or without a limit; and at any address that a key may go to.
    """
    assert ["openai"] == list(OpenAIBrain(PlainServices(Settings.model_validate(values))).ironclaw_brains())


async def test_a_price_at_a_named_server(server: FakeOpenAI) -> None:
    """
    What a model costs goes by its name in the settings: the same model elsewhere has another price, or none.
    """
    server.on("hello", text("Hi.", tokens=101))
    prices = {"m1": {"input": 5, "output": 5}, "m1@local": {"input": 2, "output": 8}}
    servers = {
        "local": {"base_url": server.url, "api_key": KEY},
        "other": {"base_url": server.url, "api_key": KEY},
    }
    spent = []
    for model in ("m1@local", "m1@other"):
        found = await brain(server, openai_servers=servers, openai_model=model, prices=prices).plan(asking())
        spent += [(use.model, use.micros) for use in found.uses]

    assert [("m1", 208), ("m1", None)] == spent


async def test_no_price_at_a_later_limit(server: FakeOpenAI) -> None:
    """
    A limit that comes with a tenant, while the bot runs, asks no model without a price.
    """
    services = PlainServices(Settings(brain="openai", openai_base_url=server.url))
    planner = OpenAIBrain(services).ironclaw_brains()["openai"]
    services.settings = services.settings.model_copy(update={"tenants": {"t1": TenantSettings(max_cost=1)}})
    assert isinstance(planner, ModelBrain)

    assert "gpt-5-mini has no price" in await refusal(planner)
    assert [] == server.requests


async def test_a_tenant_that_came_later(server: FakeOpenAI) -> None:
    """
    Of a tenant that was not there at the start, what is missing ends its task with a sentence.
    """
    services = PlainServices(Settings(openai_base_url=server.url))
    plugin = OpenAIBrain(services)
    late = TenantSettings(prompt_file=Path("gone.md"))
    services.settings = services.settings.model_copy(update={"tenants": {"t1": late}})
    planner = plugin.ironclaw_brains()["openai"]
    assert isinstance(planner, ModelBrain)

    assert "gone.md cannot be read" in await refusal(planner)


@BOTH
async def test_sums_up(server: FakeOpenAI, api: str) -> None:
    """
    A summary is asked for with its own instructions, of a transcript in its envelope, and without a tool.
    """
    server.on("transcript", text("They talked."))
    planner = brain(server, openai_api=api, **OPENAI)
    transcript = Message(Role.USER, "hello", source="transcript")
    found = await planner.summarise(asking(transcript, can_ask=True), "Sum it up.")

    (sent,) = server.requests
    assert ("They talked.", "summary@") == (found.answer, found.uses[0].prompt[:8])
    assert "Sum it up." == (sent.get("instructions") or sent["messages"][0]["content"])
    assert "tools" not in sent
    assert isinstance(planner, SummarisingBrain)


async def test_cancelled_in_a_stream(server: FakeOpenAI) -> None:
    """
    Stopping a workflow stops a stream at once.
    """
    server.on("hello", slow(text("late")))
    turn = asyncio.create_task(brain(server, **OPENAI).plan(asking()))
    await server.asked.wait()
    turn.cancel()

    with pytest.raises(asyncio.CancelledError):
        await turn


async def test_an_endless_error(server: FakeOpenAI) -> None:
    """
    An error that never ends is read so far and no further.
    """

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while not reader.at_eof():
                writer.write(b" " * 65536)
                await writer.drain()
                await asyncio.sleep(0)
        writer.close()

    async with await asyncio.start_server(pour, "127.0.0.1", 0) as endless:
        server.url = f"http://127.0.0.1:{endless.sockets[0].getsockname()[1]}/v1"
        assert "refused the request" in await refusal(brain(server))
