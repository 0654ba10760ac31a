"""The HTTP door: schedules."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.door import BOSS, Door, open_door
from tests.fakes.tokens import ISSUER
from tests.fakes.wire import Reply, ask

from ironclaw.app.schedules import Schedules
from ironclaw.store import Store

MADE = {"task": "files.list", "cron": "0 7 * * 1-5", "zone": "Europe/Berlin"}


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    """The gateway with real schedules behind."""
    store = await Store.open(tmp_path / "ironclaw.db")
    await store.map_tenants({}, frozenset({"T1", "T2"}), 1.0)
    async with open_door(tmp_path) as door:
        tenancy = door.app.slack_groups.tenancy
        door.app.schedules = Schedules(store, tenancy, lambda task: None, lambda *_: None, door.clock)
        yield door
    await store.close()


async def delete(door: Door, path: str, **who: Any) -> Reply:
    token = door.issuer.token("ed1", **who)
    return await ask(door.port, "DELETE", path, [("Authorization", f"Bearer {token}")])


async def test_made(door: Door) -> None:
    """
    POST /schedules keeps a schedule of the token's subject and says when it comes next.
    """
    reply = await door.post("/schedules", MADE)
    expected = {
        **MADE,
        "words": "At 07:00 on Monday through Friday, Europe/Berlin",
        "state": "active",
        "next_at": "2027-01-18T06:00:00.000Z",
        "missed": 0,
        "created_at": "2027-01-15T08:00:00.000Z",
    }

    assert 201 == reply.status
    assert expected == {name: value for name, value in reply.json.items() if name in expected}
    assert {"schedules": [reply.json]} == (await door.get("/schedules")).json


@pytest.mark.parametrize(
    ("change", "status", "pointer"),
    [
        ({"cron": "0 25 * * *"}, 422, "/cron"),
        ({"zone": "Mars/Base"}, 422, "/zone"),
        ({"task": " "}, 422, "/task"),
        ({"every": "day"}, 422, "/every"),
        ({"reply_to": {"channel": "C1", "thread_ts": "1.2"}}, 422, "/reply_to/thread_ts"),
        ({"tenant_id": "T2"}, 403, "/tenant_id"),
    ],
)
async def test_wrong(door: Door, change: dict[str, Any], status: int, pointer: str) -> None:
    """
    What is wrong is refused with its field's name, and nothing is kept.
    """
    reply = await door.post("/schedules", {**MADE, **change})

    assert (status, pointer) == (reply.status, reply.json["pointer"])
    assert {"schedules": []} == (await door.get("/schedules")).json


async def test_same_key(door: Door) -> None:
    """
    The same Idempotency-Key is the same schedule; with another one it is a mistake.
    """
    key = ("Idempotency-Key", "k1")
    first, again = await door.post("/schedules", MADE, key), await door.post("/schedules", MADE, key)
    other = await door.post("/schedules", {**MADE, "task": "files.read"}, key)

    assert (first.json["id"], 422) == (again.json["id"], other.status)
    assert 1 == len((await door.get("/schedules")).json["schedules"])


async def test_changed(door: Door) -> None:
    """
    Whoever made it pauses and resumes it; an approver removes it.
    """
    path = f"/schedules/{(await door.post('/schedules', MADE)).json['id']}"
    paused, twice = await door.post(f"{path}/pause"), await door.post(f"{path}/pause")
    resumed = await door.post(f"{path}/resume")
    removed = await delete(door, path, sub=BOSS)

    assert (200, "paused", None) == (paused.status, paused.json["state"], paused.json.get("next_at"))
    assert (409, "active", "removed") == (twice.status, resumed.json["state"], removed.json["state"])
    assert {"schedules": []} == (await door.get("/schedules")).json


async def test_of_others(door: Door) -> None:
    """
    Another tenant's schedule is not there; somebody else's may be seen and not changed.
    """
    path = f"/schedules/{(await door.post('/schedules', MADE)).json['id']}"
    there = await delete(door, path, tenant_id="T2", sub=BOSS)
    here = await delete(door, path, sub="eve")

    assert (404, "There is no such schedule.") == (there.status, there.json["detail"])
    assert (403, []) == (here.status, (await door.get("/schedules", tenant_id="T2")).json["schedules"])


async def test_needs_a_token(door: Door) -> None:
    """
    Without a token nothing is said, whatever the route.
    """
    routes = [("GET", ""), ("POST", ""), ("POST", "/x/pause"), ("POST", "/x/resume"), ("DELETE", "/x")]

    assert {401} == {(await ask(door.port, verb, f"/schedules{path}", [])).status for verb, path in routes}


async def test_whose(door: Door) -> None:
    """
    A schedule is its token's subject's, and judged as what comes over HTTP.
    """
    await door.post("/schedules", MADE, who={"sub": "ada"})
    [found] = await door.app.schedules.list("T1")

    assert (f"jwt:{ISSUER}|ada", "http", "http") == (found.requester, found.door, found.reply_to.door)
