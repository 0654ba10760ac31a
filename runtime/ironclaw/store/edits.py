"""Arguments that a person changed: a new version of what waits.  Each method is one transaction."""

from __future__ import annotations

from ironclaw.canonical import canonical_text
from ironclaw.store import rows
from ironclaw.store.approvals import why_not
from ironclaw.store.chain import note
from ironclaw.store.model import Edited
from ironclaw.store.sql import Connection, sql
from ironclaw.store.telling import show_card
from ironclaw.store.transitions import one
from ironclaw.store.units import Writer
from ironclaw.task import ApprovalView


class Edits:
    """The store of versions."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def write(self, asked: ApprovalView, edited: Edited, now: float) -> None:
        """Put a version in the place of the one that was read.  It waits; nobody has voted on it.

        :raises Conflict: it was decided or edited meanwhile
        :raises Expired: nobody decided in time
        """
        await self._writer.write(lambda c: _write(c, asked, edited, now), asked.tenant)


def _write(c: Connection, asked: ApprovalView, edited: Edited, now: float) -> None:
    was = {"id": asked.id, "version": asked.version, "asked_args": asked.args, "now": now}
    if not sql.edit_approval(c, **was):
        raise why_not(rows.load_approval(c, asked.id))
    _change_call(c, asked, edited)
    sql.add_approval(
        c,
        id=edited.approval_id,
        tenant=asked.tenant,
        workflow_id=asked.workflow_id,
        seq=asked.seq,
        version=asked.version + 1,
        action_sha256=edited.action_sha256,
        now=edited.asked_at,
        expires_at=edited.expires_at,
        escalates_at=edited.terms.escalates_at(edited.asked_at),
        terms=canonical_text(edited.terms.as_json()),
        card=asked.card,
    )
    _note(c, asked, edited, now)
    show_card(c, asked.tenant, asked.workflow_id, asked.card, now)


def _change_call(c: Connection, asked: ApprovalView, edited: Edited) -> None:
    one(
        sql.edit_call(
            c,
            workflow_id=asked.workflow_id,
            seq=asked.seq,
            was=asked.action_sha256,
            args=edited.args,
            circumstances=canonical_text(edited.circumstances.as_json()),
            action_sha256=edited.action_sha256,
            policy_version=edited.policy_version,
            rule=edited.rule,
        )
    )


def _note(c: Connection, asked: ApprovalView, edited: Edited, now: float) -> None:
    detail = {
        "workflow": asked.workflow_id,
        "seq": asked.seq,
        "tool": asked.tool,
        "approval": edited.approval_id,
        "replaced": asked.id,
        "action": edited.action_sha256,
        "replaced_action": asked.action_sha256,
        "arguments": edited.args,
        "replaced_arguments": asked.args,
        "rule": edited.rule,
        "policy": edited.policy_version,
    }
    note(c, asked.tenant, now, "call_edited", edited.editor, **detail)
