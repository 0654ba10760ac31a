"""Approvals and decisions.  Each method is one transaction."""

from __future__ import annotations

from dataclasses import dataclass

from ironclaw.errors import Conflict, Expired, NotFound
from ironclaw.store import grants, rows
from ironclaw.store.chain import note
from ironclaw.store.model import SealedGrant, Signed
from ironclaw.store.sql import Connection, sql
from ironclaw.store.telling import show_card
from ironclaw.store.transitions import move_call, observe, wake
from ironclaw.store.units import Writer
from ironclaw.task import ApprovalState, ApprovalView, CallState, Decision

#: What the call becomes when its approval ends.
CALL_AFTER = {
    ApprovalState.APPROVED: CallState.APPROVED,
    ApprovalState.DENIED: CallState.DENIED,
    ApprovalState.EXPIRED: CallState.EXPIRED,
    ApprovalState.CANCELLED: CallState.CANCELLED,
    ApprovalState.SUPERSEDED: CallState.SUPERSEDED,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """How much people were asked already."""

    cards: int  #: Of the workflow.
    denied: int  #: Calls of the workflow that a person denied.
    lately: int  #: Cards of the requester, in all their workflows, as far as they were counted.


class Approvals:
    """The store of what waits for people."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def view(self, tenant: str, approval_id: str) -> ApprovalView:
        """
        :raises NotFound: no such approval of this tenant
        """

        def unit(c: Connection) -> ApprovalView:
            found = _found(c, approval_id)
            if found.tenant != tenant:
                raise NotFound("There is no such approval.")
            return found

        return await self._writer.read(unit)

    async def pending(self, tenant: str) -> tuple[ApprovalView, ...]:
        """What waits, oldest first."""
        return await self._writer.read(
            lambda c: rows.load_approvals(c, sql.pending_approvals(c, tenant=tenant))
        )

    async def pending_after(
        self, tenant: str, after: tuple[float, str], limit: int
    ) -> tuple[tuple[ApprovalView, ...], tuple[float, str] | None]:
        """Some of what waits, oldest first, however much there is.

        :param after: where the ones before ended; (0.0, "") for the first
        :return: them, and where they end; None where there are no more
        """

        def unit(c: Connection) -> tuple[tuple[ApprovalView, ...], tuple[float, str] | None]:
            created_at, last = after
            found = sql.pending_after(c, tenant=tenant, created_at=created_at, id=last, limit=limit)
            found = list(found)
            end = (found[-1]["created_at"], found[-1]["id"]) if len(found) == limit else None
            return rows.load_approvals(c, found), end

        return await self._writer.read(unit)

    async def of_call(self, workflow_id: str, seq: int) -> tuple[ApprovalView, tuple[Signed, ...]] | None:
        """The newest approval of a call with its decisions as they were sealed, or None."""

        def unit(c: Connection) -> tuple[ApprovalView, tuple[Signed, ...]] | None:
            row = sql.approval_of_call(c, workflow_id=workflow_id, seq=seq)
            found = rows.load_approval(c, row["id"]) if row else None
            if found is None:
                return None
            return found, tuple(rows.signed(each) for each in sql.decisions(c, approval_id=found.id))

        return await self._writer.read(unit)

    async def with_decisions(self, tenant: str, approval_id: str) -> tuple[ApprovalView, tuple[Signed, ...]]:
        """An approval with its decisions as they were sealed.

        :raises NotFound: no such approval of this tenant
        """

        def unit(c: Connection) -> tuple[Signed, ...]:
            return tuple(rows.signed(each) for each in sql.decisions(c, approval_id=approval_id))

        return await self.view(tenant, approval_id), await self._writer.read(unit)

    async def on_card(self, tenant: str, card: str) -> tuple[ApprovalView, ...]:
        """What one card shows, in the order of the calls; nothing for another tenant's."""

        def unit(c: Connection) -> tuple[ApprovalView, ...]:
            found = rows.load_approvals(c, sql.approvals_on_card(c, card=card))
            return tuple(each for each in found if each.tenant == tenant)

        return await self._writer.read(unit)

    async def vote(
        self,
        approval: ApprovalView,
        signed: Signed,
        quorum: int,
        observation: str,
        now: float,
        grant: SealedGrant | None = None,
    ) -> ApprovalView:
        """Write one person's decision.  A no, or the last yes that was needed, ends the review.

        :param approval: as it was read; a newer version of it, or an end before this, wins
        :param quorum: how many different people must say yes
        :param observation: what the brain sees when the decision is no
        :param grant: what is remembered of it, if it is the last yes that was needed
        :return: the approval as it is then
        :raises Conflict: it has ended, with by whom and when; or this person has said yes before
        :raises Expired: nobody decided in time
        """

        def unit(c: Connection) -> ApprovalView:
            _vote(c, approval, signed, quorum, observation, now, grant)
            return _found(c, approval.id)

        return await self._writer.write(unit, approval.tenant)

    async def denied_before(self, tenant: str, requester: str, tool: str, args: str, since: float) -> bool:
        """Whether people denied this person's same call after ``since``."""
        return await self._writer.glance(
            lambda c: (
                sql.denied_before(c, tenant=tenant, requester=requester, tool=tool, args=args, since=since)
                is not None
            )
        )

    async def asked(self, tenant: str, requester: str, workflow_id: str, since: float, most: int) -> Asked:
        """How much people were asked for a workflow, and for its requester after ``since``.

        :param most: cards of the requester that are counted; whether there are more does not matter
        """

        def unit(c: Connection) -> Asked:
            row = sql.reviews_asked(
                c, workflow_id=workflow_id, tenant=tenant, requester=requester, since=since, most=most
            )
            return Asked(row["cards"], row["denied"], row["lately"])

        return await self._writer.glance(unit)

    async def refused(self, approval: ApprovalView, principal: str, rule: str, now: float) -> None:
        """Note a click that decided nothing."""
        detail = {"workflow": approval.workflow_id, "approval": approval.id, "rule": rule}
        await self._writer.write(
            lambda c: note(c, approval.tenant, now, "decision_refused", principal, **detail),
            approval.tenant,
        )

    async def close(self, approval: ApprovalView, state: ApprovalState, observation: str, now: float) -> bool:
        """End a review without a person: expired, cancelled or superseded.  Nothing runs.

        :return: False when a person was first
        """
        return await self._writer.write(
            lambda c: end_review(c, approval, state, observation, now), approval.tenant
        )

    async def due(self, now: float) -> tuple[ApprovalView, ...]:
        """Reviews whose time is over."""
        return await self._writer.read(lambda c: rows.load_approvals(c, sql.due_approvals(c, now=now)))


def _found(c: Connection, approval_id: str) -> ApprovalView:
    found = rows.load_approval(c, approval_id)
    if found is None:
        raise NotFound("There is no such approval.")
    return found


def _vote(
    c: Connection,
    approval: ApprovalView,
    signed: Signed,
    quorum: int,
    observation: str,
    now: float,
    grant: SealedGrant | None,
) -> None:
    if not sql.is_open(c, id=approval.id, version=approval.version, now=now):
        raise why_not(rows.load_approval(c, approval.id))
    is_first = sql.add_decision(
        c,
        approval_id=approval.id,
        principal=signed.principal,
        decision=signed.decision.value,
        reason=signed.reason,
        at=signed.at,
        mac=signed.mac,
        person=signed.person,
        factor=signed.factor,
    )
    if not is_first:
        raise Conflict("You have approved this already: somebody else must approve it too.")
    state = _after_vote(c, approval, signed, quorum)
    if state is ApprovalState.PENDING:
        _note(c, approval, "approval_vote", signed.principal, now)
        return show_card(c, approval.tenant, approval.workflow_id, approval.card, now)
    if not sql.settle_approval(c, id=approval.id, version=approval.version, state=state.value, now=now):
        raise why_not(rows.load_approval(c, approval.id))
    if grant and state is ApprovalState.APPROVED:
        grants.add(c, grant, now)
    return _after(c, approval, state, observation, signed.principal, now)


def _after_vote(c: Connection, approval: ApprovalView, signed: Signed, quorum: int) -> ApprovalState:
    """What a vote makes of the review: any no ends it, the last yes that was needed too."""
    if signed.decision is Decision.DENY:
        return ApprovalState.DENIED
    votes = [rows.signed(row) for row in sql.decisions(c, approval_id=approval.id)]
    people = {vote.person for vote in votes if vote.decision is Decision.APPROVE}
    return ApprovalState.APPROVED if len(people) >= quorum else ApprovalState.PENDING


def why_not(approval: ApprovalView | None) -> Exception:
    """Why a decision came to nothing."""
    if approval is None:
        return NotFound("There is no such approval.")
    if approval.state in (ApprovalState.EXPIRED, ApprovalState.PENDING):
        return Expired("This approval has expired; nothing was run. Ask again to get a new one.")
    if approval.state is ApprovalState.SUPERSEDED:
        return Conflict("A newer version exists, or its tool or policy changed: look at its card.")
    last = approval.votes[-1] if approval.votes else None
    return Conflict(
        f"This is already {approval.state.value}.", last.principal if last else "", last.at if last else 0.0
    )


def end_review(
    c: Connection, approval: ApprovalView, state: ApprovalState, observation: str, now: float
) -> bool:
    """As :meth:`Approvals.close`, in the caller's transaction."""
    if not sql.close_approval(c, id=approval.id, state=state.value):
        return False
    _after(c, approval, state, observation, "host", now)
    return True


def _after(
    c: Connection,
    approval: ApprovalView,
    state: ApprovalState,
    observation: str,
    actor: str,
    now: float,
) -> None:
    """What follows for the call, the brain, the workflow and the cards.

    :raises Conflict: the call behind it is no longer waiting
    """
    move_call(c, approval.workflow_id, approval.seq, CallState.PENDING, CALL_AFTER[state])
    _note(c, approval, "approval_" + state.value, actor, now)
    if state is not ApprovalState.APPROVED:
        call_id = sql.approval(c, id=approval.id)["call_id"]
        observe(c, approval.workflow_id, call_id, observation)
    wake(c, approval.workflow_id, now)
    show_card(c, approval.tenant, approval.workflow_id, approval.card, now)


def _note(c: Connection, approval: ApprovalView, event: str, actor: str, now: float) -> None:
    detail = {
        "workflow": approval.workflow_id,
        "seq": approval.seq,
        "approval": approval.id,
        "action": approval.action_sha256,
    }
    note(c, approval.tenant, now, event, actor, **detail)
