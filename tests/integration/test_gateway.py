"""The HTTP door: tasks, workflows and decisions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.fakes.door import Door, open_door
from tests.fakes.tokens import ISSUER
from tests.fakes.wire import ask

from ironclaw.task import Address


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    async with open_door(tmp_path) as door:
        yield door


# Whether it lives


async def test_health(door: Door) -> None:
    """
    Anybody may ask whether the process answers.
    """
    reply = await ask(door.port, "GET", "/health")

    assert (reply.status, reply.json) == (200, {"status": "ok"})


async def test_not_ready(door: Door) -> None:
    """
    A part that cannot work makes the whole not ready, by name.
    """
    assert (await ask(door.port, "GET", "/ready")).status == 200
    door.app.checks["sandbox"] = False

    reply = await ask(door.port, "GET", "/ready")

    assert (reply.status, reply.json["checks"]) == (503, {"database": True, "sandbox": False})


# Running


async def test_done(door: Door) -> None:
    """
    A task that ends within the wait is answered at once.
    """
    reply = await door.post("/run", {"task": "say hello"})

    expected = {"workflow_id": "wf_1", "status": "done", "answer": "done: say hello"}
    assert reply.status == 200
    assert expected.items() <= reply.json.items()


async def test_paused(door: Door) -> None:
    """
    A task that waits for people says for which approval, with what would run and until when.
    """
    reply = await door.post("/run", {"task": "ask for it"})

    expected = {"id": "ap_2", "tool": "files.write", "risk": "high", "expires_at": "2027-01-15T09:00:00.000Z"}
    assert (reply.status, reply.json["status"], reply.headers["location"]) == (
        202,
        "paused",
        "/workflows/wf_1",
    )
    assert expected.items() <= reply.json["approval"].items()
    assert reply.json["approval"]["args"] == {"path": "a", "text": "b"}


async def test_running(door: Door) -> None:
    """
    A task that takes longer than the caller waits goes on, and its workflow tells the end.
    """
    reply = await door.post("/run", {"task": "slow one", "wait": 0})
    assert (reply.status, reply.json["status"]) == (202, "running")

    door.app.finish(reply.json["workflow_id"])

    assert (await door.get(reply.headers["location"])).json["status"] == "done"


async def test_queued(door: Door) -> None:
    """
    To a caller what is queued runs.
    """
    reply = await door.post("/run", {"task": "queue up", "wait": 0})

    assert (reply.status, reply.json["status"]) == (202, "running")


async def test_waits(door: Door) -> None:
    """
    The answer comes as soon as the task ends, not when the wait is over.
    """
    waiting = asyncio.create_task(door.post("/run", {"task": "slow one", "wait": 60}))
    await door.app.accepted.wait()
    door.app.finish("wf_1")

    reply = await waiting

    assert (reply.status, reply.json["status"]) == (200, "done")


async def test_failed(door: Door) -> None:
    """
    A workflow that failed is an answer too: it says why, and has no answer text.
    """
    reply = await door.post("/run", {"task": "fail please"})

    assert (
        reply.status,
        reply.json["status"],
        reply.json["reason"],
    ) == (200, "failed", "failed: fail please")
    assert "answer" not in reply.json


async def test_task(door: Door) -> None:
    """
    Everything that the caller says becomes the task; the identity is the token's.
    """
    body = {"task": "say it", "tools": ["files.read"], "context": {"a": [1, None]}, "tenant_id": "T1"}
    body["reply_to"] = {"channel": "C123", "thread_ts": "1800000000.000100"}
    assert (await door.post("/run", body)).status == 200

    task = door.app.tasks[0]

    assert ("T1", f"jwt:{ISSUER}|svc-1", "say it") == (task.tenant, task.requester, task.text)
    assert (task.tools, task.context) == (("files.read",), {"a": [1, None]})
    assert Address("slack", {"channel": "C123", "thread_ts": "1800000000.000100"}) == task.reply_to


async def test_no_reply_to(door: Door) -> None:
    """
    Without a place to reply to, the workflow speaks over HTTP alone.
    """
    await door.post("/run", {"task": "say it"})

    assert Address("http", {}) == door.app.tasks[0].reply_to


async def test_other_tenant_in_body(door: Door) -> None:
    """
    A body cannot move a token to another tenant.
    """
    reply = await door.post("/run", {"task": "say it", "tenant_id": "T2"})

    assert (reply.status, reply.json["pointer"]) == (403, "/tenant_id")
    assert door.app.tasks == []


async def test_queue_full(door: Door) -> None:
    """
    When no more work is taken the caller learns when to come again.
    """
    reply = await door.post("/run", {"task": "full house"})

    assert (reply.status, reply.headers["retry-after"]) == (429, "5")


# Idempotency


async def test_same_key(door: Door) -> None:
    """
    The same Idempotency-Key is the same workflow, run once.
    """
    key = ("Idempotency-Key", "k1")
    first, second = [await door.post("/run", {"task": "say it"}, key) for _ in range(2)]

    assert first.json["workflow_id"] == second.json["workflow_id"]
    assert len(door.app.tasks) == 1


async def test_same_key_other_task(door: Door) -> None:
    """
    A key that came with another task before is refused: the caller would take one answer for another.
    """
    key = ("Idempotency-Key", "k1")
    await door.post("/run", {"task": "say it"}, key)

    assert (await door.post("/run", {"task": "say more"}, key)).status == 422


@pytest.mark.parametrize("who", [{"sub": "svc-9"}, {"tenant_id": "T2"}])
async def test_same_key_other_caller(door: Door, who: dict[str, Any]) -> None:
    """
    A key means nothing to another caller or tenant.
    """
    key = ("Idempotency-Key", "k1")
    first = await door.post("/run", {"task": "say it"}, key)
    second = await door.post("/run", {"task": "say it"}, key, who=who)

    assert first.json["workflow_id"] != second.json["workflow_id"]


@pytest.mark.parametrize("keys", [[""], ["a b"], ["k" * 256], ["k1", "k2"], ["\u00e9"]])
async def test_bad_key(door: Door, keys: list[str]) -> None:
    """
    A key that is empty, too long, twice there or not visible ASCII is refused.
    """
    reply = await door.post("/run", {"task": "say it"}, *[("Idempotency-Key", key) for key in keys])

    assert reply.status == 400


# Answers


async def test_problem(door: Door) -> None:
    """
    An error is a problem document with its status, and nothing of the engine in it.
    """
    reply = await door.post("/run", {"task": "x", "role": 1})

    expected = {"type": "about:blank", "title": "Unprocessable Entity", "status": 422}
    assert expected | {"detail": "There is no such field.", "pointer": "/role"} == reply.json
    assert reply.headers["content-type"].startswith("application/problem+json")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/health", 200), ("GET", "/nowhere", 404), ("DELETE", "/run", 405), ("POST", "/run", 401)],
)
async def test_headers(door: Door, method: str, path: str, status: int) -> None:
    """
    Every answer stays out of caches, is what it says, and does not name its software.
    """
    reply = await ask(door.port, method, path)

    assert status == reply.status
    names = ("cache-control", "x-content-type-options", "server")
    assert [reply.headers[name] for name in names] == ["no-store", "nosniff", "ironclaw"]


async def test_request_id(door: Door) -> None:
    """
    Each request has an id of ours, whatever the caller calls it.
    """
    headers = [("X-Request-Id", "forged")]
    ids = [(await ask(door.port, "GET", "/health", headers)).headers["x-request-id"] for _ in range(2)]

    assert "forged" not in ids
    assert len(set(ids)) == 2


async def test_crash(door: Door) -> None:
    """
    What nobody foresaw is a 500 with the request's id; its traceback is in the log alone.
    """
    with capture_logs() as logs:
        reply = await door.post("/run", {"task": "crash now"})

    assert (500, reply.headers["x-request-id"]) == (reply.status, reply.json["request_id"])
    assert b"broke" not in reply.body
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == ["request_failed"]


async def test_store_error(door: Door) -> None:
    """
    A database that cannot be used now is a 503 that says nothing of it; the log says it all.
    """
    with capture_logs() as logs:
        reply = await door.post("/run", {"task": "locked up"})

    assert (reply.status, reply.headers["retry-after"]) == (503, "5")
    assert b"secret" not in reply.body
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == ["request_failed"]


async def test_access_log(door: Door) -> None:
    """
    A request is one line with its route, never with its path, its query or anything that it carried.
    """
    with capture_logs() as logs:
        await door.get("/workflows/wf_7?access_token=secret-word")

    line = logs[-1]
    assert tuple(line[name] for name in ("method", "route", "status", "tenant")) == (
        "GET",
        "/workflows/{id}",
        404,
        "T1",
    )
    assert line["latency_ms"] >= 0
    assert "wf_7" not in str(logs)
    assert "secret-word" not in str(logs)


async def test_odd_method(door: Door) -> None:
    """
    A method that means nothing here is not a word in our log.
    """
    with capture_logs() as logs:
        reply = await ask(door.port, "PROPFIND", "/run")

    assert (reply.status, logs[-1]["method"]) == (405, "other")
