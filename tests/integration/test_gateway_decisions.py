"""The HTTP door: decisions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.fakes.door import BOSS, Door, open_door
from tests.fakes.tokens import ISSUER
from tests.fakes.wire import Reply, ask


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    async with open_door(tmp_path) as door:
        yield door


@pytest.mark.parametrize(("verb", "state"), [("approve", "approved"), ("deny", "denied")])
async def test_decide(door: Door, verb: str, state: str) -> None:
    """
    An approver decides, and the answer says how the workflow goes on and who decided.
    """
    run = await door.paused()

    body = {"reason": "as agreed", "version": 1}
    reply = await door.post(f"/{verb}/{run['approval']['id']}", body, who={"sub": BOSS})

    votes = [
        {
            "by": f"jwt:{ISSUER}|{BOSS}",
            "decision": verb,
            "at": "2027-01-15T08:00:00.000Z",
            "reason": "as agreed",
        }
    ]
    assert (200, run["workflow_id"], "done") == (
        reply.status,
        reply.json["workflow_id"],
        reply.json["status"],
    )
    assert (state, votes) == (reply.json["approval"]["state"], reply.json["approval"]["votes"])


async def test_decide_without_body(door: Door) -> None:
    """
    A decision needs no body.
    """
    run = await door.paused()

    assert (await door.post(f"/approve/{run['approval']['id']}", who={"sub": BOSS})).status == 200


async def test_second_decision(door: Door) -> None:
    """
    What is decided stays so: the second decision learns by whom and when.
    """
    run = await door.paused()
    await door.post(f"/approve/{run['approval']['id']}", who={"sub": BOSS})

    reply = await door.post(f"/deny/{run['approval']['id']}", who={"sub": BOSS})

    expected = (409, f"jwt:{ISSUER}|{BOSS}", "2027-01-15T08:00:00.000Z")
    assert expected == (reply.status, reply.json["by"], reply.json["at"])


async def test_old_version(door: Door) -> None:
    """
    A decision on a version that is no longer the newest is a conflict, and decides nothing.
    """
    run = await door.paused()

    reply = await door.post(f"/approve/{run['approval']['id']}", {"version": 2}, who={"sub": BOSS})

    assert (
        reply.status,
        (await door.get(f"/workflows/{run['workflow_id']}")).json["status"],
    ) == (409, "paused")


async def test_expired(door: Door) -> None:
    """
    A decision after the expiry decides nothing.
    """
    run = await door.paused()
    door.clock.now += 3600

    assert (await door.post(f"/approve/{run['approval']['id']}", who={"sub": BOSS})).status == 410


async def test_not_an_approver(door: Door) -> None:
    """
    Who is no approver is told so, and nothing is decided.
    """
    run = await door.paused()

    reply = await door.post(f"/approve/{run['approval']['id']}")

    assert (reply.status, reply.json["detail"]) == (403, "You are not an approver here.")
    assert (await door.get(f"/workflows/{run['workflow_id']}")).json["status"] == "paused"


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "OPTIONS"])
@pytest.mark.parametrize("verb", ["approve", "deny"])
async def test_only_post_decides(door: Door, verb: str, method: str) -> None:
    """
    A link preview that follows the address of a decision decides nothing.
    """
    run = await door.paused()
    headers = [("Authorization", f"Bearer {door.issuer.token('ed1', sub=BOSS)}")]

    reply = await ask(door.port, method, f"/{verb}/{run['approval']['id']}", headers)

    assert (reply.status, reply.headers["allow"]) == (405, "POST")
    assert (await door.get(f"/workflows/{run['workflow_id']}")).json["status"] == "paused"


@pytest.mark.parametrize("path", ["/workflows/{workflow_id}", "/approve/{approval}", "/deny/{approval}"])
async def test_other_tenants_id(door: Door, path: str) -> None:
    """
    Another tenant's id is answered byte for byte like one that never was, malformed or not.
    """
    run = await door.paused()
    method = "GET" if path.startswith("/workflows") else "POST"
    real = path.format(workflow_id=run["workflow_id"], approval=run["approval"]["id"])
    replies = []
    for one in (real, path.format(workflow_id="wf_99", approval="ap_99"), path.split("{")[0] + "%00%ff"):
        token = door.issuer.token("ed1", tenant_id="T2", sub=BOSS)
        replies.append(await ask(door.port, method, one, [("Authorization", f"Bearer {token}")]))

    assert [reply.status for reply in replies] == [404] * 3
    assert len({reply.body for reply in replies}) == 1
    assert len({_lasting(reply) for reply in replies}) == 1


def _lasting(reply: Reply) -> tuple[tuple[str, str], ...]:
    return tuple(item for item in sorted(reply.headers.items()) if item[0] not in ("x-request-id", "date"))


# Answers
