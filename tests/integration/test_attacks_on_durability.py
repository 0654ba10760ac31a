"""Thieves who write rows, not keys nor checkpoints: after crashes and restores nothing runs unmeant."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pyotp
import pytest
from tests.fakes.clock import Clock
from tests.fakes.tokens import ISSUER, Issuer
from tests.integration.doubting import (
    BEGUN,
    Receiver,
    a_receiver,
    allow,
    approved,
    doubted,
    interrupt,
    post,
)
from tests.integration.engine import BO, approver, ask, engine, settings
from tests.integration.test_backups import asked, database, is_written, writing
from tests.integration.test_checks import Shop, a_brain, interrupted, opened, shop
from tests.integration.test_grants import LIST, asking, events, granted, waits, work
from tests.integration.test_step_up import AsksForCodes
from tests.integration.test_veto import thief

from ironclaw import audit
from ironclaw.app.backups import restore
from ironclaw.errors import Conflict, IdentityError, StoreError
from ironclaw.settings import TenantSettings
from ironclaw.store.chain import note
from ironclaw.task import Bearer, Decision, Said, WorkflowState
from ironclaw_plugins.auth_jwt import AuthJwt

pytestmark = pytest.mark.sandbox
__all__ = ["shop"]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with a_receiver() as receiver:
        yield receiver


async def test_epoch_is_set_back(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    After a restore a thief sets the epoch to 0 and puts back the rows of a yes of before: the bot does
    not start.
    """
    clock = Clock()
    async with writing(tmp_path, built_toolboxes, clock=clock) as app:
        view = await asked(app)
        await app.back_up(tmp_path / "backup", "local:me")
        await app.decide(approver(), view.approval.id, Decision.APPROVE)
        await app.wait("T1", view.id, 30)
    assert is_written(tmp_path)
    (tmp_path / "data/mnt/scratch/T1/a.md").unlink()
    with closing(sqlite3.connect(database(tmp_path))) as c:
        decisions = c.execute("SELECT * FROM decisions").fetchall()
    restore(settings(tmp_path), tmp_path / "backup", "local:me", clock.at + 1)
    with closing(sqlite3.connect(database(tmp_path))) as c, c:
        c.execute("UPDATE instance SET epoch = 0")
        c.execute("UPDATE approvals SET state = 'approved'")
        c.execute("UPDATE tool_calls SET state = 'approved', failure_kind = NULL, failure = NULL")
        c.execute("UPDATE workflows SET state = 'running'")
        c.executemany(f"INSERT INTO decisions VALUES ({', '.join('?' * len(decisions[0]))})", decisions)
    with pytest.raises(StoreError, match="not the one"):
        async with writing(tmp_path, built_toolboxes, clock=clock):
            pass

    assert not is_written(tmp_path)


@pytest.mark.parametrize("change", ["epoch = 0", "restored_at = 0", "id = 'x' || substr(id, 2)"])
async def test_a_life_of_before(tmp_path: Path, built_toolboxes: Path, change: str) -> None:
    """
    A database that says otherwise than the signed restore how often or when it was restored is not opened.
    """
    async with writing(tmp_path, built_toolboxes) as app:
        await app.back_up(tmp_path / "backup", "local:me")
    restore(settings(tmp_path), tmp_path / "backup", "local:me", 2_000_000_000.0)
    with thief(tmp_path) as c:
        c.execute(f"UPDATE instance SET {change}")
    with pytest.raises(StoreError, match="not the one"):
        async with writing(tmp_path, built_toolboxes):
            pass


async def test_a_restored_review_ends_in_the_chain(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    What waited when a backup was made has ended after a restore by the audit chain too: no row revives it.
    """
    async with writing(tmp_path, built_toolboxes) as app:
        view = await asked(app)
        await app.back_up(tmp_path / "backup", "local:me")
    restore(settings(tmp_path), tmp_path / "backup", "local:me", 2_000_000_000.0)

    told = [each for each in audit.events(database(tmp_path), "T1") if each.get("workflow") == view.id]
    assert ["call_superseded", "approval_superseded"] == [each["event"] for each in told[-2:]]


CHANGES = ["effect_begun_at = NULL", "effect = 'pure'", "effect = 'keyed'", "state = 'approved'"]


@pytest.mark.parametrize("change", CHANGES)
async def test_a_row_says_that_it_may_run_again(
    tmp_path: Path, built_toolboxes: Path, receiver: Receiver, change: str
) -> None:
    """
    A POST that had begun when the bot was killed: whatever a column says, or an event that fits the chain, it
    is not sent again before people were asked.
    """
    brain, more = post(receiver.port), allow(receiver.port)
    workflow = await approved(tmp_path, built_toolboxes, brain, **more)
    interrupt(tmp_path, effect_begun=True)
    with thief(tmp_path) as c:
        c.execute(f"UPDATE tool_calls SET {change}")
        if "approved" in change:
            c.row_factory = sqlite3.Row
            note(c, "T1", 2.0, "call_retried", "host", workflow=workflow, seq=1)
    async with engine(tmp_path, brain, built_toolboxes, **more) as app:
        view = await app.wait("T1", workflow, 30)

    assert [] == receiver.keys
    assert WorkflowState.PAUSED is view.state


async def test_a_row_has_another_key(tmp_path: Path, shop: Shop) -> None:
    """
    A thief changes the idempotency key of an interrupted order: the shop is asked after it, and gets it,
    by the key that it had.
    """
    brain = a_brain()
    workflow = await interrupted(tmp_path, shop, brain)
    with thief(tmp_path) as c:
        c.execute("UPDATE tool_calls SET idem_key = 'x' || substr(idem_key, 2)")
    async with opened(tmp_path, shop, brain) as app:
        await app.wait("T1", workflow, 30)

    assert 1 == len({key for method, key in shop.seen if method == "POST"})


async def test_a_token_is_used_again_after_a_restore(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A token that was used after the backup is not good once more after the restore.
    """
    issuer = Issuer()
    tenants = {"T1": TenantSettings(jwt=True, approvers=(f"jwt:{ISSUER}|boss",))}
    more = {"jwt_issuer": ISSUER, "jwt_jwks": issuer.write(tmp_path / "jwks.json", "ed1"), "tenants": tenants}
    token = issuer.token("ed1", sub="boss")
    async with writing(tmp_path, built_toolboxes, plugins={"auth_jwt": AuthJwt}, **more) as app:
        await app.back_up(tmp_path / "backup", "local:me")
        await app.authenticate(Bearer(token, single_use=True))
        with pytest.raises(IdentityError):
            await app.authenticate(Bearer(token, single_use=True))
    restore(settings(tmp_path), tmp_path / "backup", "local:me", 2_000_000_000.0)
    async with writing(tmp_path, built_toolboxes, plugins={"auth_jwt": AuthJwt}, **more) as app:
        with pytest.raises(IdentityError):
            await app.authenticate(Bearer(token, single_use=True))


async def test_a_link_for_another_call(tmp_path: Path, built_toolboxes: Path, receiver: Receiver) -> None:
    """
    Somebody presses "It did not run" on one card; before they send their code a thief has the doubt's row
    lead to another call: of that one they have said nothing.
    """
    clock, plugins = Clock(), {"asks": lambda _: AsksForCodes(1)}
    brain, more = post(receiver.port), {"clock": clock, **allow(receiver.port)}
    async with engine(tmp_path, brain, built_toolboxes, plugins, **more) as app:
        totp = pyotp.parse_uri(await app.factors.enroll("T1", BO, "local:test"))
        assert isinstance(totp, pyotp.TOTP)
        app.step_ups._decide = app._veto.decide  # The host stops before they run.
        workflows = [await app.submit(ask()) for _ in range(2)]
        for each in workflows:
            view = await app.wait("T1", each, 30)
            assert view.approval is not None
            await app.step_ups.approve_with_code(approver(), view.approval.id, totp.at(int(clock.at)))
            clock.at += 60
    with thief(tmp_path) as c:  # As a kill leaves them.
        c.row_factory = sqlite3.Row
        c.execute("UPDATE tool_calls SET state = 'executing', attempts = 1, effect_begun_at = 1.0")
        c.execute("UPDATE workflows SET state = 'running'")
        for each in workflows:
            note(c, "T1", BEGUN, "call_executing", "host", workflow=each, seq=1)
    async with engine(tmp_path, brain, built_toolboxes, plugins, **more) as app:
        meant, other = [await doubted(app, each) for each in workflows]
        link = app.doubts.link(approver(), meant, Said.NOT_RUN)
        with thief(tmp_path) as c:
            c.execute("DELETE FROM doubts WHERE id = ?", (other.id,))
            c.execute("UPDATE doubts SET workflow_id = ? WHERE id = ?", (other.workflow_id, meant.id))
        with pytest.raises(Conflict):
            await app.doubts.testify_by(link.rpartition("/")[2], totp.at(int(clock.at)))
        view = await app.wait("T1", other.workflow_id, 30)

    assert ([], WorkflowState.PAUSED) == (receiver.keys, view.state)


async def test_an_old_word_for_a_new_attempt(
    tmp_path: Path, built_toolboxes: Path, receiver: Receiver
) -> None:
    """
    Somebody said that the first attempt did not run; the second one was interrupted as well.  A thief counts
    the attempts down and appends two events: the old word, sealed, is not about the new attempt.
    """
    brain, more = post(receiver.port), allow(receiver.port)
    workflow = await approved(tmp_path, built_toolboxes, brain, **more)
    interrupt(tmp_path, effect_begun=True)
    receiver.is_silent = True
    async with engine(tmp_path, brain, built_toolboxes, **more) as app:
        doubt = await doubted(app, workflow)
        await app.doubts.testify(approver(), doubt.id, Said.NOT_RUN)
        await asyncio.wait_for(receiver.reached.wait(), 30)
    receiver.is_silent = False
    with thief(tmp_path) as c:
        c.row_factory = sqlite3.Row
        assert [2] == [row["attempts"] for row in c.execute("SELECT attempts FROM tool_calls")]
        c.execute("UPDATE tool_calls SET state = 'approved', attempts = 1")
        for event in ("call_in_doubt", "call_not_run"):
            note(c, "T1", 2.0, event, BO, workflow=workflow, seq=1)
    async with engine(tmp_path, brain, built_toolboxes, **more) as app:
        await app.wait("T1", workflow, 30)

    assert 1 == len(receiver.keys)


async def test_a_grants_row_of_before(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A thief keeps a grant's row, seal and all, and puts it back after the grant was revoked: it stays so.
    """
    async with asking(tmp_path, built_toolboxes, LIST) as app:
        grant = await granted(app)
        with thief(tmp_path) as c:
            [(used, mac)] = c.execute("SELECT used, mac FROM grants")
        await app.revoke(approver(), grant.id)
        with thief(tmp_path) as c:
            c.execute("UPDATE grants SET revoked_at = 0, used = ?, mac = ?", (used, mac))
        view = await work(app)

    assert waits(view), view.outcome
    assert [] == events(tmp_path, "grant_used")


# PostgreSQL


async def test_a_use_is_given_back(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    The row of before a use, seal and all: what was used stays used.
    """
    async with asking(tmp_path, built_toolboxes, LIST, LIST) as app:
        await granted(app)
        with thief(tmp_path) as c:
            [(used, mac)] = c.execute("SELECT used, mac FROM grants")
        ran, used_then = await work(app), len(events(tmp_path, "grant_used"))
        with thief(tmp_path) as c:
            c.execute("UPDATE grants SET used = ?, mac = ?", (used, mac))
        view = await work(app)

    assert (WorkflowState.DONE, True) == (ran.state, waits(view))
    assert used_then == len(events(tmp_path, "grant_used")) > 0


async def test_words_of_now_about_the_call_of_now(
    tmp_path: Path, built_toolboxes: Path, receiver: Receiver
) -> None:
    """
    Who names another call than the one that is asked about has said nothing.
    """
    brain, more = post(receiver.port), allow(receiver.port)
    workflow = await approved(tmp_path, built_toolboxes, brain, **more)
    interrupt(tmp_path, effect_begun=True)
    async with engine(tmp_path, brain, built_toolboxes, **more) as app:
        doubt = await doubted(app, workflow)
        with pytest.raises(Conflict):
            await app.doubts.testify(approver(), doubt.id, Said.NOT_RUN, action_sha256="0" * 64)
        action = doubt.action_sha256
        await app.doubts.testify(approver(), doubt.id, Said.NOT_RUN, action_sha256=action)
        await app.wait("T1", workflow, 30)

    assert 1 == len(receiver.keys)
