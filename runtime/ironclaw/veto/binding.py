"""What an approval is bound to, and the seals that show that this host made a button or a decision."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import fields

from ironclaw.canonical import digest, mac, subkey
from ironclaw.registry import Tool
from ironclaw.store import CallRow, Flow, SealedGrant, Signed
from ironclaw.task import (
    ApprovalView,
    Decision,
    DoubtView,
    GrantView,
    QuestionView,
    Testimony,
    ToolCall,
)
from ironclaw.terms import Circumstances, Terms

#: What the seal of a grant covers: revoking takes the seal itself away.
GRANT_FIELDS = frozenset(field.name for field in fields(GrantView)) - {"revoked_at"}
SCHEMA = 3  #: Version of what an approval is bound to.

NOT_ASKED = Terms()  #: Of a call that nobody is asked about.


def tool_call(flow: Flow, seq: int, tool: Tool, args: str, circumstances: Circumstances) -> ToolCall:
    """A call as it would run now."""
    return ToolCall(
        tenant=flow.tenant,
        requester=flow.requester,
        workflow_id=flow.id,
        seq=seq,
        tool=tool.name,
        args=args,
        risk=tool.risk,
        effect=tool.effect,
        capabilities=tool.capabilities,
        component_sha256=tool.toolbox.component_sha256,
        manifest_sha256=tool.toolbox.manifest_sha256,
        door=flow.door,
        circumstances=circumstances,
    )


def asked_call(approval: ApprovalView, tool: Tool) -> ToolCall:
    """The call behind a review as it would run now: of its rows and of the tool that is there now."""
    return ToolCall(
        tenant=approval.tenant,
        requester=approval.requester,
        workflow_id=approval.workflow_id,
        seq=approval.seq,
        tool=tool.name,
        args=approval.args,
        risk=tool.risk,
        effect=tool.effect,
        capabilities=tool.capabilities,
        component_sha256=tool.toolbox.component_sha256,
        manifest_sha256=tool.toolbox.manifest_sha256,
        door=approval.door,
        circumstances=approval.circumstances,
    )


def action(
    call: ToolCall,
    policy_version: str,
    expires_at: float,
    terms: Terms = NOT_ASKED,
    asked_at: float = 0.0,
) -> str:
    """What an approval is bound to: exactly this call and no other, asked on these terms at this moment.

    :param policy_version: of the policy that asked
    """
    return digest(
        [
            SCHEMA,
            call.tenant,
            call.requester,
            call.workflow_id,
            call.seq,
            call.tool,
            call.component_sha256,
            call.manifest_sha256,
            policy_version,
            call.args,
            expires_at,
            call.circumstances.as_json(),
            terms.as_json(),
            asked_at,
        ]
    )


def action_asked(call: ToolCall, approval: ApprovalView) -> str:
    """The action of a call in the way that people were asked about it.

    :param approval: with the terms that it was asked on
    """
    return action(call, approval.policy_version, approval.expires_at, approval.terms, approval.created_at)


def idem_key(workflow_id: str, seq: int) -> str:
    """Constant over attempts: a receiver that honours it sees one call, however often we try."""
    return digest([workflow_id, seq])


def new_id() -> str:
    """128 random bits: not to be guessed, with no order."""
    return secrets.token_hex(16)


class Seals:
    """MACs by the host's key: the database alone cannot make one."""

    def __init__(self, key: bytes) -> None:
        self._button_key = subkey(key, "button")
        self._decision_key = subkey(key, "decision")
        self._grant_key = subkey(key, "grant")
        self._doubt_key = subkey(key, "doubt")
        self._testimony_key = subkey(key, "testimony")
        self._retry_key = subkey(key, "retry")
        self._question_key = subkey(key, "question")

    def button(self, approval: ApprovalView, version: str | None = None) -> str:
        """Of a card's buttons: over the approval, the version that was drawn, and the action."""
        shown = str(approval.version) if version is None else version
        bound = [approval.tenant, approval.id, shown, approval.action_sha256]
        return mac(self._button_key, bound)[:32]

    def decision(self, approval: ApprovalView, signed: Signed) -> str:
        """Of one person's decision: over what was approved, by whom, when, and with what factor."""
        return mac(
            self._decision_key,
            [
                approval.id,
                approval.action_sha256,
                signed.principal,
                signed.decision.value,
                signed.at,
                signed.factor,
            ],
        )

    def grant(self, grant: GrantView) -> str:
        """Of a grant: over all that it says, and how often it was used."""
        said = {name: getattr(grant, name) for name in GRANT_FIELDS}
        lists = {"scope": grant.scope.value, "hosts": sorted(grant.hosts), "taint": sorted(grant.taint)}
        return mac(self._grant_key, {**said, **lists})

    def is_grant(self, sealed: SealedGrant) -> bool:
        """Whether this host has sealed it as it stands."""
        return hmac.compare_digest(sealed.mac.encode(), self.grant(sealed.view).encode())

    def is_approval(self, approval: ApprovalView, signed: Signed) -> bool:
        """Whether it is a yes that this host has sealed."""
        genuine = hmac.compare_digest(signed.mac.encode(), self.decision(approval, signed).encode())
        return genuine and signed.decision is Decision.APPROVE

    def doubt_button(self, doubt: DoubtView) -> str:
        """Of the buttons that ask whether a call ran: over the doubt, the attempt, and the action."""
        return mac(self._doubt_key, [doubt.tenant, doubt.id, doubt.attempt, doubt.action_sha256])[:32]

    def question_button(self, question: QuestionView, choice: int) -> str:
        """Of one choice of a question: over the question, its place among the choices, and its words."""
        bound = [question.tenant, question.id, choice, question.choices[choice]]
        return mac(self._question_key, bound)[:32]

    def testimony(self, doubt: DoubtView, told: Testimony) -> str:
        """Of what one person says: over the attempt that they mean, their word, when, with what factor."""
        of_call = [doubt.tenant, doubt.workflow_id, doubt.seq, doubt.attempt, doubt.action_sha256]
        word = [told.principal, told.said.value, told.at, told.factor]
        return mac(self._testimony_key, [doubt.id, *of_call, *word])

    def is_testimony(self, doubt: DoubtView, told: Testimony, seal: str) -> bool:
        """Whether this host has sealed it as it stands."""
        return hmac.compare_digest(seal.encode(), self.testimony(doubt, told).encode())

    def retry(self, flow: Flow, call: CallRow, attempts: int) -> str:
        """Of a call that the host lets begin once more: over what it is, and how often it was begun."""
        code = [call.component_sha256, call.manifest_sha256]
        asked = [call.args, call.circumstances.as_json(), call.action_sha256]
        return mac(self._retry_key, [flow.tenant, flow.id, call.seq, call.tool, *code, *asked, attempts])

    def is_retry(self, flow: Flow, call: CallRow, attempts: int, seal: str) -> bool:
        """Whether this host has sealed it."""
        return hmac.compare_digest(seal.encode(), self.retry(flow, call, attempts).encode())
