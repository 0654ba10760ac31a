"""What turns under way may cost, set aside before they ask.  In the caller's transaction."""

from __future__ import annotations

from ironclaw.store import model_calls
from ironclaw.store.model import Flow
from ironclaw.store.sql import Connection, sql
from ironclaw.store.transitions import fence, fenced_one


def reserve(c: Connection, flow: Flow, micros: int, most: int, since: float, now: float) -> tuple[int, int]:
    """
    :return: micros that the tenant has spent, and those set aside for its other turns: together ``most`` or
        more where nothing was set aside for this one
    :raises Conflict: somebody else moved this workflow, or has taken it over
    """
    fence(c, flow)
    model_calls.settle(c, flow, now)
    spent = int(sql.tenant_cost(c, tenant=flow.tenant, since=since)["micros"])
    reserved = int(sql.tenant_reserved(c, tenant=flow.tenant, since=since)["micros"])
    if micros and spent + reserved < most:
        row = {"id": flow.id, "version": flow.version, "epoch": flow.epoch}
        fenced_one(c, flow, sql.reserve(c, **row, micros=micros, now=now))
    return spent, reserved
