"""Three real bots on one PostgreSQL: killed, paused, without their database; nothing lost, nothing twice."""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from ironclaw import audit
from tests.fakes.postgres import NOT_INSTALLED, Cluster, programs
from tests.faults.replicas import TAKEN_OVER, Fleet, fleet

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(programs() is None, reason=NOT_INSTALLED),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def three(server: Cluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fleet]:
    async with fleet(tmp_path_factory.mktemp("three"), server) as found:
        yield found


async def test_work_is_shared(three: Fleet) -> None:
    """
    Asked at one, approved at another, read at the third: each of nine is done once.
    """
    last = three.bots[2]
    asked = await asyncio.gather(*(three.asked(three.bots[n % 3], "once", f"shared{n}") for n in range(9)))
    for n, (_, approval) in enumerate(asked):
        await three.approve(three.bots[(n + 1) % 3], approval)
    for workflow, _ in asked:
        await three.until(last, workflow, "done")
    keys = [three.ledger.lines[f"shared{n}"] for n in range(9)]

    assert [1] * 9 == [len(each) for each in keys]
    assert 9 == len({key for each in keys for key in each})


async def test_one_winner(three: Fleet) -> None:
    """
    Of twenty yes at once over two of them one decides, and the call runs once.
    """
    workflow, approval = await three.asked(three.bots[0], "once", "clicked")
    replies = await asyncio.gather(
        *(three.callers.approve(three.bots[n % 2], approval, tenant_id="T1") for n in range(20))
    )
    await three.until(three.bots[2], workflow, "done")

    assert {200: 1, 409: 19} == Counter(reply.status for reply in replies)
    assert (1, 1) == (len(three.ledger.lines["clicked"]), three.events(workflow).count("approval_approved"))


async def test_yes_against_no(three: Fleet) -> None:
    """
    Of a yes at one and a no at another at the same moment one counts, and what was done is what it says.
    """
    workflow, approval = await three.asked(three.bots[0], "once", "against")
    yes = three.callers.approve(three.bots[1], approval, tenant_id="T1")
    no = three.callers.deny(three.bots[2], approval, tenant_id="T1")
    replies = await asyncio.gather(yes, no)
    events = three.events(workflow)

    assert [200, 409] == sorted(reply.status for reply in replies)
    assert 1 == events.count("approval_approved") + events.count("approval_denied")
    assert events.count("approval_approved") == len(three.ledger.lines.get("against", ()))


async def test_killed_in_a_step(three: Fleet) -> None:
    """
    One is killed while its call is under way: another one finishes it in time, with the same key.
    """
    three.ledger.answers.clear()
    workflow, approval = await three.asked(three.bots[0], "keyed", "killed")
    waiting = await three.approve(three.bots[0], approval)
    holder = await three.in_the_step("killed")
    left = three.others(holder)
    await holder.kill()
    killed_at = time.monotonic()
    three.ledger.answers.set()
    await three.until(left[0], workflow, "done")
    seconds = time.monotonic() - killed_at
    await asyncio.gather(waiting, return_exceptions=True)
    await holder.start()

    assert seconds < TAKEN_OVER
    assert (2, 1) == (len(three.ledger.lines["killed"]), len(set(three.ledger.lines["killed"])))


async def test_killed_in_a_step_that_runs_once(three: Fleet) -> None:
    """
    What may run only once is not run again by another: people are asked.
    """
    three.ledger.answers.clear()
    workflow, approval = await three.asked(three.bots[0], "once", "in-doubt")
    waiting = await three.approve(three.bots[0], approval)
    holder = await three.in_the_step("in-doubt")
    left = three.others(holder)
    await holder.kill()
    three.ledger.answers.set()
    doubts = f"SELECT count(*) FROM doubts WHERE workflow_id = '{workflow}' AND state = 'open'"
    async with asyncio.timeout(TAKEN_OVER):
        while not await asyncio.to_thread(three.count, doubts):  # noqa: ASYNC110 - rows have no event
            await asyncio.sleep(0.1)
    found = await three.until(left[0], workflow, "paused")
    await asyncio.gather(waiting, return_exceptions=True)
    await holder.start()

    assert ("paused", 1) == (found["status"], len(three.ledger.lines["in-doubt"]))


async def test_paused_past_its_lease(three: Fleet) -> None:
    """
    One is stopped in its call until another one has finished it, and goes on: it records nothing, and its
    effect carried the same key.
    """
    three.ledger.answers.clear()
    workflow, approval = await three.asked(three.bots[0], "keyed", "zombie")
    waiting = await three.approve(three.bots[0], approval)
    zombie = await three.in_the_step("zombie")
    zombie.send(signal.SIGSTOP)
    other = await three.in_the_step("zombie", times=2)
    three.ledger.answers.set()
    done = await three.until(other, workflow, "done")
    events = three.events(workflow)
    zombie.send(signal.SIGCONT)
    await zombie.line('"event": "(moved_meanwhile|lease_lost)"', TAKEN_OVER)
    await asyncio.gather(waiting, return_exceptions=True)

    assert (events, 1) == (three.events(workflow), events.count("call_succeeded"))
    assert done == await three.until(zombie, workflow, "done")
    assert (2, 1) == (len(three.ledger.lines["zombie"]), len(set(three.ledger.lines["zombie"])))


async def test_the_database_restarts(three: Fleet, server: Cluster) -> None:
    """
    It goes away at once, as in a crash, with one that waits and one in its call: both end, each once.
    """
    three.ledger.answers.clear()
    paused, approval = await three.asked(three.bots[0], "once", "waits")
    running, other = await three.asked(three.bots[1], "once", "runs")
    waiting = await three.approve(three.bots[1], other)
    await three.in_the_step("runs")
    await asyncio.to_thread(server.restart, "immediate")
    three.ledger.answers.set()
    assert "done" == (await three.until(three.bots[2], running, "done"))["status"]
    await three.callers.approve(three.bots[2], approval, tenant_id="T1")
    assert "done" == (await three.until(three.bots[0], paused, "done"))["status"]
    await asyncio.gather(waiting, return_exceptions=True)

    assert (1, 1) == (len(three.ledger.lines["waits"]), len(three.ledger.lines["runs"]))


async def test_the_audit_log_is_whole(three: Fleet) -> None:
    """
    After all of it every chain holds, against the checkpoints of each of the three too.
    """
    files = [bot.folder / "checkpoints.jsonl" for bot in three.bots]
    kept = [audit.read(file, file.with_suffix(".pub").read_text().strip()) for file in files]
    url = three.server.url(three.database)
    chains = [
        await asyncio.to_thread(audit.verify, file, each.checkpoints, url)
        for file, each in zip(files, kept, strict=True)
    ]

    assert any(each.checkpoints for each in kept)  # Of those that were started again, surely.
    assert {""} == {chain.fault for each in chains for chain in each}
