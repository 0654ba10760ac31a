"""``ironclaw mcp`` beside the real bot, with the official package's client before it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from mcp.shared.exceptions import MCPError
from tests.e2e.bot import Bot, running
from tests.e2e.callers import BOSS, Callers
from tests.e2e.children import SCRIPT
from tests.e2e.test_cli import ME, TENANT
from tests.e2e.workspace import APPROVE, workspace
from tests.fakes.mcp_client import McpClient, mcp_client, text

from ironclaw.one_call import text_of
from ironclaw_bot.mcp_server.session import AWAY
from ironclaw_plugins import policy_cedar

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]
SHIPPED = Path(policy_cedar.__file__).parents[1] / "policies" / "shipped.cedar"
NO_GREP = """
@id("no-grep-over-mcp") @reason("Nothing is searched through MCP clients.")
forbid (principal, action, resource) when { context.door == "mcp" && context.tool == "text.grep" };
"""


@pytest.fixture(scope="module")
def callers(tmp_path_factory: pytest.TempPathFactory) -> Callers:
    return Callers(tmp_path_factory.mktemp("keys"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bot(tmp_path_factory: pytest.TempPathFactory, callers: Callers) -> AsyncIterator[Bot]:
    """Of two tenants; whoever does not decide at once for T2 is too late."""
    folder = tmp_path_factory.mktemp("mcp")
    (folder / "policy.cedar").write_text(SHIPPED.read_text() + NO_GREP)
    settings = callers.settings()
    settings["tenants"] = {
        "T1": {**settings["tenants"]["T1"], "http_allow": ["api.example.com"]},
        "T2": {**settings["tenants"]["T2"], "approval_minutes": 1 / 60},
    }
    async with running(Bot(folder, workers=1, policy_file=str(folder / "policy.cedar"), **settings)) as bot:
        yield bot


@contextlib.asynccontextmanager
async def client(bot: Bot, wait: float = 30, tenant: str = "T1", **how: Any) -> AsyncIterator[McpClient]:
    words = ("--tenant", tenant, "--wait", str(wait))
    async with mcp_client(SCRIPT, bot.folder, bot.environ, *words, **how) as found:
        yield found


async def waiting(bot: Bot, path: str) -> dict[str, Any]:
    """What a client was told that would not wait."""
    async with client(bot, 0.2) as mcp:
        found = await mcp.call("files-write", path=path, text="hello")
    return dict(found.structured_content)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_listing(bot: Bot, mode: str) -> None:
    """
    Clients of the newer and of the older protocol see the tenant's tools, and what each may do.
    """
    async with client(bot, mode=mode) as mcp:
        tools = {tool.name: tool for tool in (await mcp.client.list_tools()).tools}
    reads, writes, posts = (tools[name].annotations for name in ("files-read", "files-write", "http-post"))

    assert {"files-list", "python-run", "memory-search", "ironclaw_result"} < tools.keys()
    assert ["path"] == tools["files-read"].input_schema["required"]
    assert (True, False, False) == (reads.read_only_hint, reads.destructive_hint, reads.open_world_hint)
    assert (False, True, True) == (writes.read_only_hint, writes.destructive_hint, posts.open_world_hint)
    assert {"ironclaw/risk": "high"} == tools["files-write"].meta


async def test_low_risk(bot: Bot) -> None:
    """
    A low-risk call runs at once, as a workflow of its own, and its output comes as text and as data.
    """
    async with client(bot) as mcp:
        found = await mcp.call("python-run", code="print(6 * 7)")
        events = bot.events("python.run with arguments")

    assert ({"stdout": "42\n"}, False) == (found.structured_content, found.is_error)
    assert {"stdout": "42\n"} == json.loads(text(found))
    assert "mcp" == next(each["door"] for each in events if each["event"] == "received")
    assert "call_succeeded" in [each["event"] for each in events]


async def test_approved_elsewhere(bot: Bot, callers: Callers) -> None:
    """
    Who waits is told for what, another person approves over HTTP, and the same request has the result.
    """
    async with client(bot) as mcp:
        asked = asyncio.create_task(mcp.call("files-write", path="approved.md", text="hello"))
        decided = await callers.approve(bot, await mcp.approval())
        found = await asked

    assert (200, False) == (decided.status, found.is_error)
    assert "approved.md" == found.structured_content["path"]
    assert "hello" == (bot.scratch / "T1" / "approved.md").read_text()


async def test_denied(bot: Bot, callers: Callers) -> None:
    """
    A no is an error that says so, with the reason, and nothing ran.
    """
    async with client(bot) as mcp:
        asked = asyncio.create_task(mcp.call("files-write", path="denied.md", text="hello"))
        body, bearer = {"reason": "not today"}, callers._bearer(sub=BOSS)
        await bot.post(f"/deny/{await mcp.approval()}", body, bearer)
        found = await asked

    assert (True, "failed") == (found.is_error, found.structured_content["state"])
    assert "Denied by a person. Nothing was run." in text(found)
    assert "Reason given: not today" in text(found)
    assert not (bot.scratch / "T1" / "denied.md").exists()


async def test_expired(bot: Bot) -> None:
    """
    What nobody decides in time is an error that says so.
    """
    async with client(bot, tenant="T2") as mcp:
        found = await mcp.call("files-write", path="late.md", text="hello")

    assert (True, True) == (found.is_error, "Nobody decided" in text(found))


async def test_asked_again(bot: Bot, callers: Callers) -> None:
    """
    Whoever is told to wait and asks for the same again goes on waiting for the one approval there is.
    """
    async with client(bot, 0.2) as mcp:
        first, second = [await mcp.call("files-write", path="again.md", text="x") for _ in range(2)]
        state = first.structured_content
        decided = await callers.approve(bot, state["approval"])
        found = await mcp.call("files-write", path="again.md", text="x")

    assert ("waiting", False, state) == (state["state"], first.is_error, second.structured_content)
    assert text(first).startswith(f"Waiting for approval (id {state['approval']}). Nothing has run.")
    assert (200, "again.md") == (decided.status, found.structured_content["path"])


async def test_keys(bot: Bot) -> None:
    """
    A key is one call, for every session; with other arguments it is refused.
    """
    async with client(bot, 0.2) as mcp:
        first = await mcp.call("files-write", key="k1", path="key.md", text="x")
    async with client(bot, 0.2) as mcp:
        second = await mcp.call("files-write", key="k1", path="key.md", text="x")
        other = await mcp.call("files-write", key="k1", path="key.md", text="y")

    assert first.structured_content == second.structured_content
    assert (True, "This key was given for another call before: take a new one.") == (
        other.is_error,
        text(other),
    )


async def test_less_patient_than_the_wait(bot: Bot, callers: Callers) -> None:
    """
    A client that gives up without having been told to wait takes its call back: its card asks no more.
    """
    async with client(bot) as mcp:
        with pytest.raises(MCPError, match="timed out"):
            await mcp.call("files-write", seconds=1, path="impatient.md", text="x")
        events = bot.events(text_of("files.write", {"path": "impatient.md", "text": "x"}))
        found = await mcp.result(events[0]["workflow"])
        decided = await callers.approve(bot, await mcp.approval())

    assert (True, "cancelled") == (found.is_error, found.structured_content["state"])
    assert 409 == decided.status
    assert not (bot.scratch / "T1" / "impatient.md").exists()


async def test_killed_between(bot: Bot, callers: Callers) -> None:
    """
    The bot is killed while a client waits: the client goes on waiting, and has its result.
    """
    async with client(bot) as mcp:
        asked = asyncio.create_task(mcp.call("files-write", path="killed.md", text="hello"))
        approval = await mcp.approval()
        await bot.kill()
        await bot.start()
        await callers.approve(bot, approval)
        found = await asked

    assert "killed.md" == found.structured_content["path"]


async def test_result_later(bot: Bot, callers: Callers) -> None:
    """
    A bot that is away is said to be; what came of a call is there after its restart, for other sessions too.
    """
    state = await waiting(bot, "later.md")
    async with client(bot, 0.2) as mcp:
        await bot.kill()
        away = await mcp.result(state["workflow"])
        await bot.start()
        await callers.approve(bot, state["approval"])
        found = await mcp.result(state["workflow"])

    assert (True, AWAY) == (away.is_error, text(away))
    assert (False, "later.md") == (found.is_error, found.structured_content["path"])


async def test_suspended(bot: Bot) -> None:
    """
    Where nothing is done for the tenant, its client is told so, and nothing of how it is run.
    """
    async with client(bot, tenant="T2") as mcp:
        await bot.command("tenant", "suspend", "T2")
        found = await mcp.call("files-list")
        await bot.command("tenant", "resume", "T2")
        again = await mcp.call("files-list")

    assert (True, False) == (found.is_error, again.is_error)
    assert "IronClaw is suspended here" in text(found)
    assert "ironclaw.toml" not in text(found)


async def test_policy_by_door(bot: Bot) -> None:
    """
    Policy may forbid for MCP clients what others may do; the error is the rule's reason.
    """
    async with client(bot) as mcp:
        found = await mcp.call("text-grep", path="a.md", pattern="x")
    (bot.scratch / "T1" / "a.md").write_text("x\n")
    said = await bot.command("run", "--tenant", "T1", "text.grep path=a.md pattern=x")

    assert (True, "Nothing is searched through MCP clients.") == (found.is_error, text(found))
    assert 0 == said.code, said


async def test_what_goes_out(bot: Bot) -> None:
    """
    A client's arguments are taken for what it has read: sent out, they ask a person even at low risk.
    """
    async with client(bot, 0.2) as mcp:
        found = await mcp.call("http-get", url="https://api.example.com/?q=secret")

    assert "waiting" == found.structured_content["state"]


async def test_long_result(bot: Bot) -> None:
    """
    What is too long for one answer is kept, and read on in parts.
    """
    async with client(bot) as mcp:
        found = (await mcp.call("python-run", code="print('x' * 60_000)")).structured_content
        rest = await mcp.call("files-read", path=found["path"], offset=30_000, limit=10)

    assert (True, True) == (found["preview"], found["bytes"] > 60_000)
    assert "xxxxxxxxxx" == rest.structured_content["text"]


async def test_others_workflows(bot: Bot, callers: Callers) -> None:
    """
    Workflows of another tenant, and of this one's other doors, are as if they were not.
    """
    state = await waiting(bot, "ours.md")
    run = await callers.run(bot, "files.list", tenant_id="T2")
    nothing = ("f" * 32, "../x", run.json["workflow_id"], state["workflow"])
    async with client(bot, tenant="T2") as mcp:
        found = [await mcp.result(workflow) for workflow in nothing]

    assert [(True, "There is no such workflow.")] * 4 == [(each.is_error, text(each)) for each in found]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b'{"jsonrpc":"2.0","id":1,"method":"' + b"x" * (2 << 20), "more than 1048576 bytes"),
        (b"no message\n" * 200, "more than 100 lines of it are no message"),
        (b'{"jsonrpc":"2.0","id":7,"method":"ping"}\n' * 3000, "asked twice under one id"),
        (b"[" + b"1," * 200_000, "100000 values at once"),
    ],
    ids=["giant", "junk", "flood", "values"],
)
async def test_hostile(bot: Bot, line: bytes, why: str) -> None:
    """
    A client that says too much is sent away with a sentence; standard output has held the protocol alone.
    """
    said = await raw(bot, line)

    assert (1, True) == (said.returncode, why in said.stderr.decode())
    assert b"Traceback" not in said.stderr
    assert all("jsonrpc" in json.loads(each) for each in said.stdout.splitlines())


async def test_thousands_of_calls(bot: Bot) -> None:
    """
    Who asks for thousands of things at once is sent away, and nothing of it goes on asking people.
    """
    arguments = ({"path": f"flood-{number}", "text": "x"} for number in range(3000))
    calls = [{"name": "files-write", "arguments": each} for each in arguments]
    asked = [{"method": "initialize", "params": HELLO}]
    asked += [{"method": "tools/call", "params": each} for each in calls]
    lines = [json.dumps({"jsonrpc": "2.0", "id": i, **each}) for i, each in enumerate(asked)]
    said = await raw(bot, ("\n".join(lines) + "\n").encode())
    waits = await bot.command("approvals", "--tenant", "T1")

    assert (1, True) == (said.returncode, b"The MCP client was sent away" in said.stderr)
    assert "flood-" not in waits.out


async def test_odd_requests(bot: Bot) -> None:
    """
    Unknown methods, wrong parameters and calls before any handshake are errors, and the next is served.
    """
    asked = [
        {"method": "ping"},
        {"method": "secrets/list"},
        {"method": "tools/call", "params": {"name": 7}},
        {"method": "tools/call", "params": {"name": "files-list", "arguments": {}}},
        {"method": "initialize", "params": HELLO},
        {"method": "tools/call", "params": {"name": "files-list", "arguments": ["x"]}},
        {"method": "tools/call", "params": {"name": "files-list", "arguments": {}}},
    ]
    lines = [json.dumps({"jsonrpc": "2.0", "id": i, **each}) for i, each in enumerate(asked)]
    said = await raw(bot, ("\n".join(lines) + "\n").encode(), wait_for=len(asked))
    answers = {each["id"]: each for each in map(json.loads, said.stdout.splitlines())}

    assert [1, 2, 3, 5] == sorted(each for each, answer in answers.items() if "error" in answer)
    assert "entries" in str(answers[6]["result"])


HELLO = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}


async def raw(bot: Bot, typed: bytes, wait_for: int = 0) -> subprocess.CompletedProcess[bytes]:
    """What the process says to these bytes.

    :param wait_for: lines to have read before it is told that there will be no more
    """
    process = await asyncio.create_subprocess_exec(
        SCRIPT,
        *("mcp", "--tenant", "T1"),
        **dict.fromkeys(("stdin", "stdout", "stderr"), asyncio.subprocess.PIPE),
        cwd=bot.folder,
        env=bot.environ,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    read: list[bytes] = []
    try:
        async with asyncio.timeout(30):
            with contextlib.suppress(ConnectionError):
                process.stdin.write(typed)
                await process.stdin.drain()
            while len(read) < wait_for:
                read.append(await process.stdout.readline())
            process.stdin.close()
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    return subprocess.CompletedProcess(["mcp"], await process.wait(), b"".join(read) + out, err)


async def test_alone(tmp_path: Path) -> None:
    """
    Where no bot runs the command is one: others get in beside it, to approve what waits.
    """
    bot = Bot(tmp_path, workers=1, tenants={"acme": TENANT})
    async with mcp_client(SCRIPT, bot.folder, bot.environ, "--wait", "30") as mcp:
        asked = asyncio.create_task(mcp.call("files-write", path="a.md", text="hello"))
        said = await bot.command("approve", await mcp.approval())
        found = await asked

    assert (0, "a.md") == (said.code, found.structured_content["path"])
    assert "hello" == (bot.scratch / "acme" / "a.md").read_text()
    assert ME in {each["actor"] for each in bot.events("files.write with") if each["event"] == "received"}


async def test_in_slack(tmp_path: Path) -> None:
    """
    The card is in the tenant's approvals channel, says where it was asked, and a click there lets it run.
    """
    async with workspace(tmp_path, tenant={"approvals_channel": "C1APPROVALS"}) as slack:
        bot = slack.bot
        async with mcp_client(SCRIPT, bot.folder, bot.environ) as mcp:
            asked = asyncio.create_task(mcp.call("files-write", path="a.md", text="hello"))
            room = slack.channel("approvals")
            card = await slack.wait_for(
                lambda: next((one for one in room.messages if one.get("bot_id")), None)
            )
            await slack.playground.people.click("bo", "approvals", card["ts"], APPROVE)
            found = await asked

    assert "who asked through an MCP client" in str(card["blocks"])
    assert "a.md" == found.structured_content["path"]
