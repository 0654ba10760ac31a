"""Calls that nobody knows to have run, and what people say of them.  Each method is one transaction."""

from __future__ import annotations

from collections.abc import Sequence

from ironclaw.errors import Conflict, NotFound
from ironclaw.store import call_moves
from ironclaw.store.chain import note
from ironclaw.store.doubt_rows import Sworn, load, loaded, sworn_of
from ironclaw.store.model import CallRow, Flow, Spent
from ironclaw.store.sql import Connection, sql
from ironclaw.store.standing import NOT_RUN
from ironclaw.store.telling import show_doubt, tell
from ironclaw.store.transitions import move_call, move_workflow, note_call, observe, one, show_status, wake
from ironclaw.store.units import Writer
from ironclaw.task import (
    Address,
    CallState,
    DoubtState,
    DoubtView,
    NoticeKind,
    Said,
    Testimony,
    WorkflowState,
)

ASKED = "Waiting: a person must say whether {tool} ran."
#: What becomes of the doubt and of its call, by what was said.
AFTER = {
    Said.RAN: (DoubtState.RAN, CallState.SUCCEEDED),
    Said.NOT_RUN: (DoubtState.NOT_RUN, CallState.APPROVED),
}
EVENTS = {Said.RAN: "call_succeeded", Said.NOT_RUN: NOT_RUN}


class Doubts:
    """The store of what people must find out."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def ask(
        self, flow: Flow, call: CallRow, doubt_id: str, places: Sequence[Address], now: float
    ) -> None:
        """Nobody knows what came of a call: people are asked, and the workflow waits for them.

        :param doubt_id: of the new doubt; one that is open already stays
        :param places: where people are asked
        :raises Conflict: the call or its workflow is not as it was read
        """
        await self._writer.write(lambda c: _ask(c, flow, call, doubt_id, places, now), flow.tenant)

    async def view(self, tenant: str, doubt_id: str) -> DoubtView:
        """
        :raises NotFound: no such doubt of this tenant
        """

        def unit(c: Connection) -> DoubtView:
            found = load(c, doubt_id)
            if found is None or found.tenant != tenant:
                raise NotFound("There is no such doubt.")
            return found

        return await self._writer.read(unit)

    async def open_ones(self, tenant: str) -> tuple[DoubtView, ...]:
        """What people are asked now, oldest first."""
        return await self._writer.read(
            lambda c: tuple(loaded(c, row["id"]) for row in list(sql.open_doubts(c, tenant=tenant)))
        )

    async def of_call(self, workflow_id: str, seq: int) -> tuple[tuple[DoubtView, tuple[Sworn, ...]], ...]:
        """Every doubt of one call with its testimonies as they were sealed, oldest first."""

        def unit(c: Connection) -> tuple[tuple[DoubtView, tuple[Sworn, ...]], ...]:
            ids = [row["id"] for row in sql.doubts_of_call(c, workflow_id=workflow_id, seq=seq)]
            return tuple((loaded(c, each), sworn_of(c, each)) for each in ids)

        return await self._writer.read(unit)

    async def testify(
        self, doubt: DoubtView, sworn: Sworn, needed: int, observation: str, now: float
    ) -> DoubtView:
        """Write what one person says.  That it ran ends the doubt; that it did not once enough say so.

        :param needed: how many different people must say that it did not
        :param observation: what the brain sees when it ran
        :return: the doubt as it is then
        :raises Conflict: it has ended, with by whom and when; or this person has said so before
        """

        def unit(c: Connection) -> DoubtView:
            _testify(c, doubt, sworn, needed, observation, now)
            return loaded(c, doubt.id)

        return await self._writer.write(unit, doubt.tenant)

    async def refused(self, doubt: DoubtView, principal: str, rule: str, now: float) -> None:
        """Note a word that does not count."""
        detail = {"workflow": doubt.workflow_id, "doubt": doubt.id, "rule": rule}
        await self._writer.write(
            lambda c: note(c, doubt.tenant, now, "testimony_refused", principal, **detail), doubt.tenant
        )


def close_open(c: Connection, flow: Flow, now: float) -> None:
    """Nobody is asked any more about what a workflow leaves behind."""
    calls_of = {call.seq: call for call in flow.calls}
    for row in list(sql.open_doubts_of(c, workflow_id=flow.id)):
        one(sql.settle_doubt(c, id=row["id"], state=DoubtState.CANCELLED.value, by="", now=now))
        note_call(c, flow, calls_of[row["seq"]], "doubt_cancelled", now, doubt=row["id"])
        show_doubt(c, flow.tenant, flow.id, row["id"], now)


def _ask(
    c: Connection, flow: Flow, call: CallRow, doubt_id: str, places: Sequence[Address], now: float
) -> None:
    move_workflow(c, flow, WorkflowState.PAUSED, "", Spent(), now)
    move_call(c, flow.id, call.seq, call.state, CallState.IN_DOUBT)
    asked = _known(c, flow, call, now) or doubt_id
    if asked == doubt_id:
        sql.add_doubt(
            c, id=asked, tenant=flow.tenant, workflow_id=flow.id, seq=call.seq, attempt=call.attempts, now=now
        )
    note_call(c, flow, call, "call_in_doubt", now, doubt=asked, attempt=call.attempts)
    for place in places:
        tell(c, now, flow.tenant, flow.id, f"doubt:{asked}", NoticeKind.DOUBT, place, {"doubt": asked})
    show_status(c, flow, ASKED.format(tool=call.tool), now)
    call_moves.show_call(c, flow.tenant, flow.id, call.seq, now)


def _known(c: Connection, flow: Flow, call: CallRow, now: float) -> str:
    """The doubt that is open about this very attempt, "" for none; one about another attempt ends."""
    found = [row for row in list(sql.open_doubts_of(c, workflow_id=flow.id)) if row["seq"] == call.seq]
    for row in found:
        if row["attempt"] == call.attempts:
            return str(row["id"])
        sql.settle_doubt(c, id=row["id"], state=DoubtState.CANCELLED.value, by="", now=now)
        show_doubt(c, flow.tenant, flow.id, row["id"], now)
    return ""


def draw_anew(c: Connection, now: float) -> None:
    """Have every question that is open drawn with buttons that count now, in the caller's transaction."""
    for row in list(sql.every_open_doubt(c)):
        show_doubt(c, row["tenant"], row["workflow_id"], row["id"], now)


def _testify(
    c: Connection, doubt: DoubtView, sworn: Sworn, needed: int, observation: str, now: float
) -> None:
    told = sworn.testimony
    _check_open(c, doubt.id)
    is_first = sql.add_testimony(
        c,
        doubt_id=doubt.id,
        principal=told.principal,
        person=sworn.person,
        said=told.said.value,
        at=told.at,
        factor=told.factor,
        mac=sworn.mac,
    )
    if not is_first:
        raise Conflict("You have said so already: somebody else must say so too.")
    people = {each.person for each in sworn_of(c, doubt.id) if each.testimony.said is told.said}
    if told.said is Said.NOT_RUN and len(people) < needed:
        _note(c, doubt, "doubt_testimony", told.principal, now)
        return show_doubt(c, doubt.tenant, doubt.workflow_id, doubt.id, now)
    return _settle(c, doubt, told, observation, now)


def _settle(c: Connection, doubt: DoubtView, told: Testimony, observation: str, now: float) -> None:
    """What follows for the call, the brain, the workflow and what was shown."""
    state, call_state = AFTER[told.said]
    one(sql.settle_doubt(c, id=doubt.id, state=state.value, by=told.principal, now=now))
    move_call(c, doubt.workflow_id, doubt.seq, CallState.IN_DOUBT, call_state)
    _note(c, doubt, EVENTS[told.said], told.principal, now)
    if told.said is Said.RAN:
        observe(c, doubt.workflow_id, sql.doubt(c, id=doubt.id)["call_id"], observation)
    wake(c, doubt.workflow_id, now)
    show_doubt(c, doubt.tenant, doubt.workflow_id, doubt.id, now)
    call_moves.show_call(c, doubt.tenant, doubt.workflow_id, doubt.seq, now)


def _check_open(c: Connection, doubt_id: str) -> None:
    """
    :raises Conflict: it has ended
    """
    row = sql.doubt(c, id=doubt_id)
    if row is None:
        raise NotFound("There is no such doubt.")
    state = DoubtState(row["state"])
    if state is DoubtState.CANCELLED:
        raise Conflict("This is not asked any more: the task was stopped, or it is asked anew.")
    if state is not DoubtState.OPEN:
        raise Conflict("This was answered already.", row["answered_by"], row["answered_at"])


def _note(c: Connection, doubt: DoubtView, event: str, actor: str, now: float) -> None:
    detail = {
        "workflow": doubt.workflow_id,
        "seq": doubt.seq,
        "tool": doubt.tool,
        "action": doubt.action_sha256,
        "doubt": doubt.id,
        "attempt": doubt.attempt,
    }
    note(c, doubt.tenant, now, event, actor, **detail)
