"""Each tenant's own connection to a server: begun by a call, let go when nobody needs or may have it."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from tests.integration.engine import Moves, ask, moves, wants
from tests.integration.mcp_world import approve, hostile, program, until, world
from tests.integration.test_attacks_on_mcp import SPEAKS
from tests.integration.test_mcp_programs import session
from tests.integration.test_mcp_web import fake

from ironclaw.app import Ironclaw
from ironclaw.errors import BadRequest
from ironclaw.mcp import apart, quota
from ironclaw.mcp.apart import Apart
from ironclaw.mcp.link import Link
from ironclaw.settings import McpServer

pytestmark = pytest.mark.sandbox


async def said(app: Ironclaw, tenant: str, number: int = 1) -> str:
    """What the tool says to a tenant."""
    task = ask(f"do it {number}", requester=f"slack:{tenant}:U_X", tenant=tenant)
    return (await app.wait(tenant, await app.submit(task), 30)).outcome or ""


def folders(folder: Path) -> int:
    return len(list((folder / "data" / "mcp").iterdir()))


def looks(word: str = "x") -> Moves:
    return Moves(moves(wants("shared.look_up", text=word)))


async def test_idle(tmp_path: Path, built_toolboxes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A tenant's program begins with its first call, keeps what it knows, ends when idle, and begins anew.
    """
    monkeypatch.setattr(apart, "IDLE", 1.5)
    server = program(Path("-c"), SPEAKS, low=["look_up"])
    async with world(tmp_path, built_toolboxes, looks("word"), shared=server) as app:
        await approve(app, "shared")
        before = folders(tmp_path)
        heard = [await said(app, "T1", number) for number in (1, 2)]
        during = folders(tmp_path)
        await until(lambda: folders(tmp_path) == before)
        heard.append(await said(app, "T1", 3))

    assert (1, 2) == (before, during)
    assert [False, True, False] == ['"word"' in each for each in heard]


async def test_room(tmp_path: Path, built_toolboxes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where as many tenants are connected as may be, the one that was idle longest makes room.
    """
    monkeypatch.setattr(apart, "MOST", 1)
    server = program(Path("-c"), SPEAKS, low=["look_up"])
    async with world(tmp_path, built_toolboxes, looks(), shared=server) as app:
        await approve(app, "shared")
        heard = [await said(app, tenant) for tenant in ("T1", "T2")]
        await until(lambda: not app.mcp.runs_for("T1"))

        assert [True, True] == ["content" in each for each in heard]
        assert (True, 2) == (app.mcp.runs_for("T2"), folders(tmp_path))


async def test_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Nobody's running call is cut off for another tenant.
    """
    monkeypatch.setattr(apart, "MOST", 1)

    async def closing(tenant: str) -> None:
        await asyncio.Event().wait()

    async def told(listing: object) -> None:
        pass

    links = Apart(
        lambda: Link(
            "x", lambda ended, _: session(hostile("plain"), tmp_path, ended), str, told, lambda: None
        ),
        closing,
    )
    with links.of("T1").using(), pytest.raises(BadRequest, match="1 other tenants are calling it"):
        links.of("T2")
    await links.close()

    assert not links.has("T1")


@pytest.mark.parametrize("tenants", [("T1",), None], ids=["its own", "everybody's"])
async def test_suspended(tenants: tuple[str, ...] | None, tmp_path: Path, built_toolboxes: Path) -> None:
    """
    With a tenant that is suspended its program ends; it begins again when the tenant is served again.
    """
    server = program(Path("-c"), SPEAKS, low=["look_up"], tenants=tenants)
    async with world(tmp_path, built_toolboxes, looks(), shared=server) as app:
        await approve(app, "shared")
        await said(app, "T1")
        await app.tenants.suspend("T1", "local:op")
        await until(lambda: not app.mcp.runs_for("T1"))
        resting = folders(tmp_path)
        await app.tenants.resume("T1", "local:op")
        heard = await said(app, "T1", 2)

    assert (0 if tenants else 1) == resting
    assert '"nothing"' in heard


async def test_forgotten(tmp_path: Path, built_toolboxes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A tenant is forgotten when the last of its programs' files are gone, however long that takes.
    """
    remove = quota._remove

    def slowly(folder: Path) -> None:
        time.sleep(1.5)
        remove(folder)

    monkeypatch.setattr(quota, "_remove", slowly)
    server = program(Path("-c"), SPEAKS, low=["look_up"])
    async with world(tmp_path, built_toolboxes, looks(), shared=server) as app:
        await approve(app, "shared")
        await said(app, "T1")
        before = folders(tmp_path)
        await app.tenants.forget("T1", "local:op")

        assert (2, 1) == (before, folders(tmp_path))


class WithSessions:
    """A server of the older protocol, which gives out sessions: who was in which."""

    def __init__(self) -> None:
        self.called: list[str] = []

    async def handle(self, request: web.Request) -> web.Response:
        message = json.loads(await request.read() or "{}")
        number, method = message.get("id"), message.get("method")
        if method == "initialize":
            about = {"serverInfo": {"name": "web", "version": "1"}, "capabilities": {"tools": {}}}
            result = {"protocolVersion": message["params"]["protocolVersion"], **about}
            return _told(number, {"result": result}, {"Mcp-Session-Id": os.urandom(8).hex()})
        if method == "tools/list":
            tool = {"name": "look_up", "description": "Look up.", "inputSchema": {"type": "object"}}
            return _told(number, {"result": {"tools": [tool]}})
        if method == "tools/call":
            self.called.append(request.headers["Mcp-Session-Id"])
            return _told(number, {"result": {"content": []}})
        return _told(number, {"error": {"code": -32601, "message": "no such method"}})


def _told(number: object, said: dict[str, Any], headers: dict[str, str] | None = None) -> web.Response:
    if number is None:
        return web.Response(status=202)
    return web.json_response({"jsonrpc": "2.0", "id": number, **said}, headers=headers)


async def test_addresses(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A server behind an address has a session for each tenant.
    """
    server, brain = WithSessions(), Moves(moves(wants("web.look_up")))
    async with (
        fake(server.handle) as url,
        world(tmp_path, built_toolboxes, brain, web=McpServer(url=url, low=("look_up",))) as app,
    ):
        await approve(app, "web")
        for tenant, number in (("T1", 1), ("T2", 1), ("T1", 2)):
            assert "content" in await said(app, tenant, number)

    first, second, third = server.called
    assert (True, False) == (first == third, first == second)
