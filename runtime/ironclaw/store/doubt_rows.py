"""What the rows say of calls of which nobody knows whether they ran."""

from __future__ import annotations

import json
from dataclasses import dataclass

from ironclaw.errors import NotFound
from ironclaw.store.sql import Connection, Row, sql
from ironclaw.store.standing import events_of
from ironclaw.task import CallState, DoubtState, DoubtView, Effect, Risk, Said, Testimony
from ironclaw.terms import Circumstances


@dataclass(frozen=True, slots=True)
class Sworn:
    """One person's testimony, sealed with the host's key."""

    testimony: Testimony
    person: str  #: Whoever has several identities is one person.
    mac: str


def load(c: Connection, doubt_id: str) -> DoubtView | None:
    """A doubt as it stands, or None for no such one."""
    row = sql.doubt(c, id=doubt_id)
    if row is None:
        return None
    told = tuple(each.testimony for each in sworn_of(c, doubt_id))
    return _view(row, told, c)


def loaded(c: Connection, doubt_id: str) -> DoubtView:
    """
    :raises NotFound: there is no such doubt
    """
    found = load(c, doubt_id)
    if found is None:
        raise NotFound("There is no such doubt.")
    return found


def sworn_of(c: Connection, doubt_id: str) -> tuple[Sworn, ...]:
    """What people said of a doubt, oldest first."""
    return tuple(
        Sworn(
            Testimony(row["principal"], Said(row["said"]), row["at"], row["factor"]),
            row["person"],
            row["mac"],
        )
        for row in sql.testimonies(c, doubt_id=doubt_id)
    )


def _view(row: Row, told: tuple[Testimony, ...], c: Connection) -> DoubtView:
    return DoubtView(
        id=row["id"],
        tenant=row["tenant"],
        workflow_id=row["workflow_id"],
        seq=row["seq"],
        attempt=row["attempt"],
        state=DoubtState(row["state"]),
        created_at=row["created_at"],
        requester=row["requester"],
        tool=row["tool"],
        risk=Risk(row["risk"]),
        effect=Effect(row["effect"]),
        args=row["args"],
        action_sha256=row["action_sha256"],
        component_sha256=row["component_sha256"],
        rule=row["rule"],
        policy_version=row["policy_version"],
        idem_key=row["idem_key"],
        call_state=CallState(row["call_state"]),
        effect_begun_at=row["effect_begun_at"],
        circumstances=Circumstances.from_json(json.loads(row["circumstances"])),
        door=row["door"],
        answered_by=row["answered_by"],
        answered_at=row["answered_at"],
        testimonies=told,
        events=events_of(c, row["tenant"], row["workflow_id"], row["seq"]),
    )
