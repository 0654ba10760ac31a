"""Doubts over the local door: what the command line shows of them."""

from __future__ import annotations

from ironclaw.app import Ironclaw
from ironclaw.task import DoubtView, Json, Testimony


async def shown_doubt(app: Ironclaw, doubt: DoubtView) -> Json:
    """A doubt as JSON, with those whose word would count."""
    found = await app.doubts.deciders(doubt)
    return {
        "id": doubt.id,
        "workflow_id": doubt.workflow_id,
        "seq": doubt.seq,
        "attempt": doubt.attempt,
        "state": doubt.state.value,
        "tool": doubt.tool,
        "args": doubt.args,
        "effect": doubt.effect.value,
        "requester": doubt.requester,
        "idempotency_key": doubt.idem_key,
        "hosts": sorted(doubt.circumstances.hosts),
        "begun_at": doubt.begun_at,
        "effect_begun_at": doubt.effect_begun_at,
        "testimonies": [_testimony(each) for each in doubt.testimonies],
        "deciders": found.problem or found.words(),
        "events": [{"at": each.at, "event": each.event, "actor": each.actor} for each in doubt.events],
    }


def _testimony(told: Testimony) -> Json:
    return {"by": told.principal, "said": told.said.value, "at": told.at, "factor": told.factor}
