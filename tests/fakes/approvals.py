"""What the Slack door's tests start from: a tenant with approvers, a review that waits."""

from __future__ import annotations

from dataclasses import replace

from ironclaw.settings import Settings, TenantSettings
from ironclaw.task import (
    ApprovalState,
    ApprovalView,
    CallEvent,
    CallState,
    DoubtState,
    DoubtView,
    Effect,
    Risk,
)
from ironclaw.terms import Circumstances

NOW = 1_800_000_000.0
APPROVERS = ("slack:T0001:U1BO", "slack:T0001:U1GIL", "slack:T0001:U9EVE")


def settings(**more):
    tenants = {"acme": TenantSettings(slack=("T0001",), approvers=APPROVERS)}
    return Settings(tenants=tenants, brain="commands", **more)


def an_approval(**changes):
    """A pending review of files.write."""
    view = ApprovalView(
        id="ap_1",
        version=1,
        tenant="acme",
        workflow_id="wf_1",
        seq=1,
        requester="slack:T0001:U1ADA",
        tool="files.write",
        risk=Risk.HIGH,
        args='{"path":"notes/today.md","text":"hello"}',
        action_sha256="ab12cd34ef567890" * 4,
        component_sha256="0" * 64,
        rule="high-risk-asks",
        state=ApprovalState.PENDING,
        created_at=NOW,
        expires_at=NOW + 3600,
        card="ap_1",
    )
    return replace(view, **changes)


def a_doubt(**changes):
    """A POST of which nobody knows whether it arrived."""
    view = DoubtView(
        id="do_1",
        tenant="acme",
        workflow_id="wf_1",
        seq=2,
        attempt=1,
        state=DoubtState.OPEN,
        created_at=NOW + 60,
        requester="slack:T0001:U1ADA",
        tool="http.post",
        risk=Risk.HIGH,
        effect=Effect.ONCE,
        args='{"text":"1 coffee","url":"https://shop.example/orders"}',
        action_sha256="ab12cd34ef567890" * 4,
        component_sha256="0" * 64,
        rule="high-risk-asks",
        policy_version="1" * 64,
        idem_key="5e" * 32,
        call_state=CallState.IN_DOUBT,
        effect_begun_at=NOW + 1.25,
        circumstances=Circumstances(hosts=frozenset({"shop.example"}), channel="channel"),
        door="slack",
        events=(
            CallEvent(NOW, "call_pending", "policy"),
            CallEvent(NOW + 1, "call_executing", "host"),
            CallEvent(NOW + 60, "call_in_doubt", "host"),
        ),
    )
    return replace(view, **changes)
