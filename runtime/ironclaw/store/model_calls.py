"""What requests to models used: a row each, in the transaction of the turn that made them."""

from __future__ import annotations

from collections.abc import Sequence

from ironclaw.store.chain import note
from ironclaw.store.model import Flow
from ironclaw.store.sql import Connection, Row, sql
from ironclaw.store.units import Writer
from ironclaw.task import ModelTotal, ModelUse

UNTOLD = "(not told)"  #: Stands for the model of a turn that a crash, a stop or a time limit has ended.


class ModelCalls:
    """The store of what models used."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def total(self, workflow_id: str) -> ModelTotal | None:
        """What one workflow has used; None where no model was asked for it."""
        return await self._writer.glance(lambda c: total(c, workflow_id))

    async def of(self, workflow_id: str) -> tuple[ModelUse, ...]:
        """Each request of a workflow, in order."""
        return await self._writer.glance(
            lambda c: tuple(map(_use, sql.model_calls_of(c, workflow_id=workflow_id)))
        )


def add(c: Connection, flow: Flow, uses: Sequence[ModelUse], now: float) -> None:
    """Write what a turn used; the audit log names each model with the version of its prompt."""
    for use in uses:
        figures = {
            "model": use.model,
            "prompt": use.prompt,
            "tokens_in": use.tokens_in,
            "tokens_cached": use.tokens_cached,
            "tokens_out": use.tokens_out,
            "micros": use.micros,
        }
        sql.add_model_call(c, workflow_id=flow.id, tenant=flow.tenant, now=now, **figures)
        note(c, flow.tenant, now, "model_asked", "brain", workflow=flow.id, **figures)
    if uses:
        sql.release(c, id=flow.id)


def settle(c: Connection, flow: Flow, now: float) -> None:
    """A turn of which nobody wrote what it used has cost what was set aside for it."""
    if was := int(sql.reserved(c, id=flow.id)["reserved"]):
        add(c, flow, (ModelUse(UNTOLD, micros=was),), now)


def total(c: Connection, workflow_id: str) -> ModelTotal | None:
    """What a workflow has used; None where no model was asked for it."""
    row = sql.model_total(c, workflow_id=workflow_id)
    if not row["requests"]:
        return None
    micros = row["micros"] if row["priced"] == row["requests"] else None
    return ModelTotal(row["requests"], row["tokens_in"], row["tokens_cached"], row["tokens_out"], micros)


def _use(row: Row) -> ModelUse:
    return ModelUse(
        row["model"],
        row["prompt"],
        row["tokens_in"],
        row["tokens_cached"],
        row["tokens_out"],
        row["micros"],
    )
