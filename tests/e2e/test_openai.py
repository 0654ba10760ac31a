"""The main job with a model that speaks Chat Completions, on loopback and strict about what it is sent."""

from __future__ import annotations

import tomllib
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from tests.e2e.workspace import DENY, Workspace, workspace
from tests.fakes.openai_server import FakeOpenAI, calls, error, halved, slow, text

from ironclaw_bot.build import built_folder

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]
KEY = "sk-" + "test-" + "4f9a0c77d2"
LONG = "Billing runs in two places. " * 40


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def model() -> AsyncIterator[FakeOpenAI]:
    standard = tomllib.loads((built_folder() / "standard" / "toolbox.toml").read_text())
    names = {*standard["tools"], "memory.remember", "memory.search"}
    async with FakeOpenAI(key=KEY, tools=names) as model:
        yield model


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def slack(model: FakeOpenAI, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Workspace]:
    environ = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": model.url, "IRONCLAW_OPENAI_PROFILE": "vllm"}
    async with workspace(tmp_path_factory.mktemp("openai"), environ=environ) as slack:
        yield slack


@pytest.fixture(autouse=True)
def _linter(model: FakeOpenAI) -> Iterator[None]:
    """Whatever a test makes the bot send, the server has nothing to say against it."""
    yield
    assert [] == model.complaints


async def test_ask_and_answer(slack: Workspace, model: FakeOpenAI) -> None:
    """
    The model calls a tool, reads its result, and its words are the answer.
    """
    model.on("how many", calls(("python-run", {"code": "print(6 * 7)"})))
    model.on("how many", text("It is forty-two."), results=1)
    thread = slack.ask("how many?")

    assert "It is forty-two." == await thread.answer()
    assert "42" in model.requests[-1]["messages"][-1]["content"]


async def test_approve(slack: Workspace, model: FakeOpenAI) -> None:
    """
    What the model wants to write waits for a person, and the model learns that it was written.
    """
    model.on("note it", calls(("files-write", {"path": "notes/model.md", "text": "hello"})))
    model.on("note it", text("I noted it."), results=1)
    thread = slack.ask("please note it")
    await thread.asked()
    await thread.click("bo")

    assert "I noted it." == await thread.answer()
    assert "hello" == slack.file("notes/model.md").read_text()


async def test_parallel_calls(slack: Workspace, model: FakeOpenAI) -> None:
    """
    Of two calls in one turn, the harmless one runs, the other waits, and one answer comes of both.
    """
    write = ("files-write", {"path": "notes/both.md", "text": "x"})
    model.on("do both", calls(("files-list", {}), write))
    model.on("do both", text("Both were done."), results=2)
    thread = slack.ask("do both")
    await thread.asked()
    await thread.click("bo")

    assert "Both were done." == await thread.answer()
    assert slack.file("notes/both.md").exists()


async def test_denied(slack: Workspace, model: FakeOpenAI) -> None:
    """
    A model that was refused is told so, and has the last word but not its way.
    """
    model.on("wipe it", calls(("files-delete", {"path": "notes"})))
    model.on("wipe it", text("I may not."), results=1)
    thread = slack.ask("wipe it")
    await thread.asked()
    await thread.click("bo", DENY)

    assert "I may not." == await thread.answer()
    assert "Denied by a person" in model.requests[-1]["messages"][-1]["content"]


async def test_thread_is_remembered(slack: Workspace, model: FakeOpenAI) -> None:
    """
    The next task of a thread comes with what was said in it before.
    """
    model.on("my name is Ada", text("Hello Ada."))
    model.on("who am I", text("You are Ada."))
    thread = slack.ask("my name is Ada")
    await thread.answer()
    slack.playground.people.say("ada", "general", "@ironclaw who am I?", thread_ts=thread.ts)
    await slack.wait_for(lambda: "You are Ada." in thread.answers)

    said = [message["content"] for message in model.requests[-1]["messages"]]
    assert ["my name is Ada", "Hello Ada.", "who am I?"] == said[-3:]


async def test_killed_while_the_model_thinks(slack: Workspace, model: FakeOpenAI) -> None:
    """
    Killed before the model's answer came, the bot asks it again after the start, and answers once.
    """
    model.on("think long", slow(text("Too late.")), times=1)
    model.on("think long", text("Thought about it."))
    model.asked.clear()
    thread = slack.ask("think long")
    await model.asked.wait()
    await slack.restart()

    assert "Thought about it." == await thread.answer()
    assert 1 == len(thread.answers)


async def test_model_refuses(slack: Workspace, model: FakeOpenAI) -> None:
    """
    When the server has no more for us, the thread says so in a sentence without anything of ours.
    """
    model.on("no quota", error(429, "insufficient_quota", "You exceeded your current quota."))
    thread = slack.ask("no quota")
    said = await thread.answer()

    assert "quota or credit is used up" in said
    assert [] == [word for word in (KEY, "Traceback", "127.0.0.1") if word in said]


async def test_shown_while_it_is_written(slack: Workspace, model: FakeOpenAI) -> None:
    """
    What a model streams grows in the thread while it writes; then the answer is there once, with its use.
    """
    model.on("explain", halved(text(LONG)))
    thread = slack.ask("explain billing")
    drafted = await slack.wait_for(
        lambda: next((one for one in thread.replies if "Writing" in str(one)), None)
    )
    assert "Billing runs in two places." in str(drafted["blocks"])
    model.release()
    await slack.wait_for(lambda: thread.status == "Done. 10 tokens." and thread.answers)
    shown = [block["text"]["text"] for one in thread.replies for block in one["blocks"] if "text" in block]

    assert 1 == shown.count(LONG.strip())
    assert "Writing" not in str(thread.replies)
