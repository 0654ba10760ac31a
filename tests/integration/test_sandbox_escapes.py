"""What tools of the malicious toolbox leave behind, and what its well-behaved ones still can.

Whether each attack is stopped is for test_probes to say.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from tests.fakes.sandbox import KEY, Recorder

from ironclaw.capabilities import Capabilities, Limits
from ironclaw.registry import Registry
from ironclaw.sandbox import Component, Profile, Sandbox
from ironclaw.sandbox.guest import WARM_TOOL
from ironclaw.sandbox.model import Call
from ironclaw.task import FailureKind, ToolResult

pytestmark = [pytest.mark.sandbox, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

DENIED = FailureKind.DENIED
URL = {"url": "https://example.com/"}


class Probe:
    """Calls the probe's tools as their manifest says."""

    def __init__(self, sandbox: Sandbox, built: Path, root: Path) -> None:
        self.tools = {tool.name: tool for tool in Registry.load([built / "probe"]).tools}
        box = self.tools["probe.echo"].toolbox
        self.sandbox = sandbox
        self._component = Component(box.component, box.component_sha256, Profile(box.profile))
        self.root = root
        self.host = Recorder()

    def call(self, name: str, /, owner: str = "acme", **arguments: object) -> Call:
        tool = self.tools[f"probe.{name}"]
        text = json.dumps(arguments)
        return Call(self._component, tool.name, text, owner, self.root / owner, tool.capabilities)

    async def run(self, name: str, /, owner: str = "acme", **arguments: object) -> ToolResult:
        return await self.send(self.call(name, owner, **arguments))

    async def send(self, call: Call) -> ToolResult:
        self.host = Recorder()
        return await self.sandbox.call(call, self.host)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def probe(
    built_toolboxes: Path, code_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Probe]:
    root = tmp_path_factory.mktemp("scratch")
    (root / "rival").mkdir()
    (root / "rival" / "secret.txt").write_text("the rival's secret")
    sandbox = await Sandbox.open(cache_dir=code_cache, cache_key=KEY, scratch_root=root)
    yield Probe(sandbox, built_toolboxes, root)
    await sandbox.close()


async def test_neighbour(probe: Probe) -> None:
    """
    While one tenant's tool computes for ever, another's is served.
    """
    endless = replace(probe.call("loop"), capabilities=Capabilities(limits=Limits(fuel=10**12, seconds=1.5)))
    looping = asyncio.create_task(probe.send(endless))
    served = await probe.run("echo", owner="rival", text="still here")

    assert '{"text": "still here"}' == served.output
    assert not looping.done()
    assert FailureKind.TIMEOUT == (await looping).failure.kind


async def test_planted_link(probe: Probe) -> None:
    """
    A symbolic link to another tenant's file, made by whatever means, is not followed.
    """
    (probe.root / "acme").mkdir(exist_ok=True)
    (probe.root / "acme" / "link").symlink_to("../rival/secret.txt")
    result = await probe.run("read", name="link")

    assert DENIED == result.failure.kind


async def test_no_connection_arrives(probe: Probe) -> None:
    """
    A server on this very machine sees nothing of a tool that connects to it.
    """
    arrived = asyncio.Event()
    server = await asyncio.start_server(lambda _r, w: (arrived.set(), w.close()), "127.0.0.1", 0)
    async with server:
        result = await probe.run("tcp", port=server.sockets[0].getsockname()[1])

    assert DENIED == result.failure.kind
    assert not arrived.is_set()


async def test_files_stay_small(probe: Probe) -> None:
    """
    No single file grows over 64 MiB, in bytes or in name only.
    """
    for name in ("big_file", "sparse_file", "seek_file"):
        await probe.run(name)
    sizes = {file.name: file.stat().st_size for file in (probe.root / "acme").glob("*.bin")}
    (probe.root / "acme" / "big.bin").unlink()

    assert {"big.bin": 64 << 20, "sparse.bin": 0, "far.bin": 0} == sizes


async def test_log_flood(probe: Probe) -> None:
    """
    The host gets a hundred lines of a flood, each cut.
    """
    await probe.run("log")

    assert {("error", 2_000)} == {(level, len(message)) for level, message in probe.host.lines}
    assert 100 == len(probe.host.lines)


async def test_http_flood(probe: Probe) -> None:
    """
    One call sends a hundred requests and no more.
    """
    result = await probe.run("http_flood", **URL)

    assert '{"sent": 100}' == result.output
    assert 100 == len(probe.host.requests)


@pytest.mark.parametrize("name", ["hostile_http", "odd_http", "huge_http", "no_http"])
async def test_bad_requests_stop_here(probe: Probe, name: str) -> None:
    """
    A malformed, huge or unallowed request never reaches the host.
    """
    await probe.run(name, **(URL if name == "no_http" else {}))

    assert [] == probe.host.requests


async def test_http(probe: Probe) -> None:
    """
    A tool with a rule has its request sent, with the name of a secret and never its value.
    """
    result = await probe.run("http", secret="token", **URL)

    assert '{"status": 200}' == result.output
    assert ["token"] == [request.secret for request in probe.host.requests]


async def test_warm_call(probe: Probe) -> None:
    """
    Toolboxes of the SDK answer the call that warms an instance, the long way through JSON.
    """
    warm = replace(probe.call("echo"), tool=WARM_TOOL)

    assert "{}" == (await probe.send(warm)).output


async def test_clock_and_random(probe: Probe) -> None:
    """
    Time stands still during a call; random bytes never repeat.
    """
    first = json.loads((await probe.run("clock")).output or "")
    second = json.loads((await probe.run("clock")).output or "")

    assert 1 == len(set(first["now"]))
    assert 4 == len({*first["random"], *second["random"]})


async def test_scratch_lasts(probe: Probe) -> None:
    """
    A file that one call writes is there for the tenant's next call, and for nobody else's.
    """
    await probe.run("write", name="note.txt", text="mine")
    own = await probe.run("read", name="note.txt")
    foreign = await probe.run("read", owner="rival", name="note.txt")

    assert '{"text": "mine"}' == own.output
    assert DENIED == foreign.failure.kind
