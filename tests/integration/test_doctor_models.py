"""``ironclaw doctor --models``: whether the models that plan can call a trivial tool."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.fakes.openai_server import FakeOpenAI, calls, error, text
from tests.integration.planning import KEY

from ironclaw.settings import Settings
from ironclaw_bot.doctor import examine
from ironclaw_bot.model_standing import ask_models

READY = calls(("probe-ready", {"word": "ready"}))

FREE = {"input": 0, "output": 0}


@pytest.fixture
async def server() -> AsyncIterator[FakeOpenAI]:
    async with FakeOpenAI(key=KEY, tools=["probe.ready"]) as fake:
        yield fake


def settings(server: FakeOpenAI, **more: object) -> Settings:
    return Settings.model_validate({"openai_base_url": server.url, "openai_api_key": KEY, **more})


async def said(server: FakeOpenAI, **more: object) -> list[str]:
    return [str(each) for each in await ask_models(settings(server, **more))]


async def test_all_well(server: FakeOpenAI) -> None:
    """
    Each model that may plan for anybody is asked once.
    """
    server.play([READY, READY, READY])
    tenants = {"t1": {"openai_model": "m9", "openai_fallbacks": ["m2"]}}

    assert [f"ok   {model} at 127.0.0.1 calls tools" for model in ("m1", "m2", "m9")] == await said(
        server, openai_model="m1", openai_fallbacks=["m2"], tenants=tenants
    )


async def test_only_when_it_must(server: FakeOpenAI) -> None:
    """
    A model that calls a tool only when it has to is noted.
    """
    server.play([text("Ready!"), READY])

    (line,) = await said(server, openai_profile="vllm")
    assert line.startswith("note gpt-5-mini at 127.0.0.1: It calls a tool only when it has to")
    assert [None, "required"] == [body.get("tool_choice") for body in server.requests]


async def test_never(server: FakeOpenAI) -> None:
    """
    One that does not call tools, or cannot be asked, is to be mended.
    """
    server.play([text("Ready!"), error(401)])

    unable, refused = await said(server, openai_profile="ollama", openai_fallbacks=["m2"])
    assert unable.startswith("FAIL gpt-5-mini at 127.0.0.1: It did not call a tool")
    assert "check OPENAI_API_KEY" in refused


async def test_who_plans_for_whom(server: FakeOpenAI) -> None:
    """
    Each order in which models are asked is said by itself, a tenant's where it has another than all.
    """
    tenants = {"t1": {"openai_model": "m9", "openai_fallbacks": []}, "t2": {"temperature": 1}}
    found = await examine(settings(server, openai_model="m1", openai_fallbacks=["m2"], tenants=tenants))
    one, two, nine = (f"{name} at 127.0.0.1 (chat, profile compatible)" for name in ("m1", "m2", "m9"))

    assert f"ok   the brain is openai: {one}, then {two}; for the tenant t1: {nine}" in map(str, found)


async def test_plain_http_is_noted(server: FakeOpenAI) -> None:
    """
    A model's server of another machine over plain http is no fault, but to be known; with a key it is one.
    """
    name = "base_url of [openai_servers.lan]"
    far = {"openai_fallbacks": ["m@lan"], "openai_servers": {"lan": {"base_url": "http://lan.example/v1"}}}
    noted = [str(each) for each in await examine(settings(server, **far))]
    far["openai_servers"] = {"lan": {"base_url": "http://lan.example/v1", "api_key": KEY}}
    wrong = [str(each) for each in await examine(settings(server, **far))]

    assert any(each.startswith("note lan.example is asked over plain http") for each in noted)
    assert any(each.startswith(f"FAIL {name}: a key does not go to another host") for each in wrong)


async def test_models_that_nobody_asks(server: FakeOpenAI) -> None:
    """
    Models of a tenant where another brain plans, and OpenAI itself without a key, are noted.
    """
    tenants = {"t1": {"openai_model": "m9"}}
    unused = [str(each) for each in await examine(settings(server, brain="commands", tenants=tenants))]
    keyless = [str(each) for each in await examine(Settings(brain="openai"))]

    assert any(each.startswith("note the tenant t1 has models, and the brain is comm") for each in unused)
    assert any(each.startswith("note api.openai.com is asked without a key") for each in keyless)


async def test_money_without_a_price(server: FakeOpenAI) -> None:
    """
    Where money is limited and a model has no price, doctor says what to write.
    """
    found = [str(each) for each in await examine(settings(server, max_cost=1, prices={"m": FREE}))]

    (line,) = (each for each in found if "has no price" in each)
    assert line.startswith("FAIL prices: ")
    assert '[prices."gpt-5-mini"] with input and output' in line


async def test_without_a_network(server: FakeOpenAI) -> None:
    """
    Without the option nobody is asked; which models there are is said, and what of them is missing.
    """
    well = [str(each) for each in await examine(settings(server))]
    bad = [str(each) for each in await examine(settings(server, prompt_file="gone.md"))]

    assert "ok   the brain is openai: gpt-5-mini at 127.0.0.1 (chat, profile compatible)" in well
    assert "FAIL prompt_file: gone.md cannot be read: No such file or directory." in bad
    assert [] == server.requests
