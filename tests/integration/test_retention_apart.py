"""How long things are kept is each tenant's own: what is over for one is not touched of another."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.fakes.clock import Clock
from tests.integration.engine import BO, Moves
from tests.integration.reminding import FACT, asked, remembering, said

from ironclaw.app import Ironclaw
from ironclaw.app.retention import DAY
from ironclaw.settings import TenantSettings
from ironclaw.task import Json, Move

pytestmark = pytest.mark.sandbox
LESS = {"history_days": 30.0, "memory_days": 30.0, "audit_days": 30.0}
MORE = {"history_days": 90.0, "memory_days": 90.0, "audit_days": 90.0}
TASK = "When do production deploys of billing happen?"
ALL: dict[str, Json] = {"task": TASK, "answer": "On Tuesdays.", "memories": 1, "audit": True}
GONE: dict[str, Json] = {"task": "", "answer": "", "memories": 0, "audit": False}


async def kept(app: Ironclaw, tenant: str, workflow_id: str) -> dict[str, Json]:
    """What there is of one tenant's ended task and of its one memory."""
    view = await app.workflow(tenant, workflow_id)
    rows = await app._store._writer.read(
        lambda c: c.execute("SELECT event FROM audit WHERE tenant = ? ORDER BY n", (tenant,)).fetchall()
    )
    events = [json.loads(row["event"]) for row in rows if row["event"]]
    return {
        "task": view.text,
        "answer": view.outcome,
        "memories": len(await app._store.memories.all(tenant)),
        "audit": any(each.get("workflow") == workflow_id for each in events),
    }


async def test_each_tenants_own(tmp_path: Path, built_toolboxes: Path) -> None:
    """
    A month later the tenant that keeps for a month has lost text, memory and events, and the other one
    nothing; after the days of all that one has lost them too.
    """
    clock = Clock()
    tenants = {
        "T1": TenantSettings(slack=("T1",), approvers=(BO,), **LESS),
        "T2": TenantSettings(slack=("T2",)),
    }
    brain = Moves(Move(answer="On Tuesdays."))
    ids: dict[str, str] = {}
    found: list[list[dict[str, Json]]] = []
    async with remembering(tmp_path, brain, built_toolboxes, clock, tenants=tenants, **MORE) as app:
        for tenant in tenants:
            who = f"slack:{tenant}:U_ADA"
            await said(app, FACT, who, tenant)
            ids[tenant] = (await asked(app, TASK, requester=who, tenant=tenant)).id
        for days in (31, 60):
            clock.at += days * DAY
            await app._remembering.keeping.sweep_now()
            found.append([await kept(app, *each) for each in ids.items()])

    assert [[GONE, ALL], [GONE, GONE]] == found
