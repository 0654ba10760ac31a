"""What somebody who decides must know beside the arguments, each fact in a few words.  Pure."""

from __future__ import annotations

from collections.abc import Iterable

from ironclaw.task import ApprovalState, ApprovalView, CallState, Decision, DoubtView, GrantView, Usage, Vote
from ironclaw.terms import GrantScope, Group
from ironclaw_bot.slack.text import code, escape, moment, one_line, person

TITLES = {
    ApprovalState.PENDING: "Approval needed",
    ApprovalState.APPROVED: "Approved",
    ApprovalState.DENIED: "Denied",
    ApprovalState.EXPIRED: "Expired",
    ApprovalState.CANCELLED: "Cancelled",
    ApprovalState.SUPERSEDED: "Replaced",
}
_ENDS = {
    ApprovalState.DENIED: "Nothing was run.",
    ApprovalState.EXPIRED: "Nobody decided in time. Nothing was run.",
    ApprovalState.CANCELLED: "The task was stopped first. Nothing was run.",
    ApprovalState.SUPERSEDED: "The call, its tool or the policy has changed since. Nothing was run.",
}
_CALLS = {
    CallState.APPROVED: "It runs next.",
    CallState.EXECUTING: "It is running.",
    CallState.SUCCEEDED: "It ran.",
    CallState.FAILED: "It ran, and failed.",
    CallState.IN_DOUBT: "A crash hid whether it ran. Somebody must find out.",
}
_RESTORED = "The database was restored from a backup: this may have been decided and run since. Ask again."
_NOT_RUN = "It was not run."
_DOORS = {
    "slack": "in Slack",
    "http": "over HTTP",
    "cli": "on the command line",
    "mcp": "through an MCP client",
}
_CHANNELS = {
    "im": "in a direct message",
    "channel": "in a Slack channel",
    "group": "in a private channel",
    "mpim": "in a group message",
}
_SCOPES = {GrantScope.WORKFLOW: "in one task", GrantScope.TOOL: "asked in the same channel"}
LISTED = 12  #: Names in one line; the rest are counted.

Fact = tuple[str, str]  #: A name and its value, escaped mrkdwn.


def of_call(approval: ApprovalView) -> list[Fact]:
    """What is true of one call: its risk, who asked for it to be asked, and what it still needs."""
    known = [("Risk", escape(approval.risk.value)), ("Rule", one_line(approval.rule, 200) or "-")]
    if approval.version > 1:
        known.append(("Version", _version(approval)))
    return known + _needs(approval) if approval.state is ApprovalState.PENDING else known


def of_task(approval: ApprovalView | DoubtView, workspace: str) -> list[Fact]:
    """What is true of all calls of a turn: whose they are.

    :param workspace: what Slack calls the tenant's workspace, where the operator gave it no name
    """
    whose = ("Workspace", workspace) if workspace else ("Tenant", approval.tenant)
    known = [(whose[0], one_line(whose[1], 100))]
    if approval.circumstances.scheduled:
        known.append(("Scheduled", f"by {person(approval.requester)}, runs unattended"))
    return known


def requester(approval: ApprovalView | DoubtView) -> str:
    """Such as ``<@U1>, who asked in a direct message``."""
    asked = _CHANNELS.get(approval.circumstances.channel) or _DOORS.get(approval.door, "")
    verb = "scheduled it" if approval.circumstances.scheduled else "asked"
    return person(approval.requester) + (f", who {verb} {asked}" if asked else "")


def taint(approval: ApprovalView) -> str:
    """What untrusted text may have shaped the call; "" for none."""
    read = sorted(approval.circumstances.taint)
    return f"*Has read:* {_listed(read)}. Untrusted text may have shaped this." if read else ""


def reach(approval: ApprovalView) -> str:
    """What the tool may touch."""
    return f"*May touch:* {_listed(approval.circumstances.reach) or 'nothing outside itself'}"


def last_time(approval: ApprovalView) -> str:
    """What the tool used when it last ran here; "" where that is not known."""
    return f"*Last time:* {used(approval.last_usage)}" if approval.last_usage else ""


def ids(approval: ApprovalView) -> str:
    """What identifies it beyond doubt, shortened as far as a reader compares."""
    return (
        f"Approval {code(approval.id)} · action sha256 {code(approval.action_sha256[:16])} · "
        f"tool sha256 {code(approval.component_sha256[:12])} · for {code(approval.requester)}"
    )


def grant(view: GrantView) -> str:
    """What runs without asking again, and until when."""
    known = [
        f"*{one_line(view.tool, 100)}* for {person(view.requester)}, {_SCOPES[view.scope]}",
        "exactly the same arguments" if view.args_sha256 else "any arguments",
        f"hosts {_listed(sorted(view.hosts))}" if view.hosts else "",
        f"used {view.used} of {view.max_uses}",
        f"until {moment(view.expires_at)}",
        f"given by {person(view.granted_by)}",
    ]
    return " · ".join(filter(None, known))


def progress(approval: ApprovalView) -> str:
    """``1 of 2 approved``; "" where one yes is enough."""
    yes = sum(vote.decision is Decision.APPROVE for vote in approval.votes)
    return f"{yes} of {approval.terms.quorum} approved" if approval.terms.quorum > 1 else ""


def _version(approval: ApprovalView) -> str:
    by = approval.circumstances.edited_by
    return f"{approval.version}, edited by {person(by)}" if by else str(approval.version)


def _needs(approval: ApprovalView) -> list[Fact]:
    needed = [("Expires", moment(approval.expires_at))]
    if progress(approval):
        needed.append(("Approvals", progress(approval)))
    if approval.terms.groups:
        needed.append(("Each approver of", _groups(approval)))
    if approval.terms.step_up:
        needed.append(("Second factor", "needed to approve"))
    return needed


def _groups(approval: ApprovalView) -> str:
    own = ["the approvers"] if approval.terms.approvers else []
    return " and ".join([*own, *(_group(group, approval) for group in sorted(approval.terms.groups))])


def _group(group: Group, approval: ApprovalView) -> str:
    if not group.or_else:
        return code(group.name)
    if approval.escalated_at:
        return f"{code(group.name)} or {code(group.or_else)}"
    later = moment(approval.created_at + group.after_minutes * 60, "{time}")
    return f"{code(group.name)} (from {later} also {code(group.or_else)})"


def _listed(names: Iterable[str]) -> str:
    """Escaped, between commas; what is too much is counted."""
    shown = [one_line(name, 120) for name in names]
    more = len(shown) - LISTED
    return ", ".join(shown[:LISTED]) + (f" and {more} more" if more > 0 else "")


def said(vote: Vote) -> str:
    """Who decided what, and when."""
    verb = "Approved" if vote.decision is Decision.APPROVE else "Denied"
    factor = f" with {escape(vote.factor)}" if vote.factor else ""
    reason = f" “{one_line(vote.reason, 500)}”" if vote.reason else ""
    return f"{verb} by {person(vote.principal)} at {moment(vote.at)}{factor}.{reason}"


def so_far(approval: ApprovalView) -> str:
    """Who has said yes while more are needed; "" for nobody."""
    votes = [said(vote) for vote in approval.votes]
    return "\n".join([*votes, "More approvals are needed."]) if votes else ""


def end(approval: ApprovalView) -> str:
    """Who said what, and what came of it."""
    told = [said(vote) for vote in approval.votes]
    if approval.state is ApprovalState.APPROVED:
        usage = f" It used {used(approval.usage)}." if approval.usage else ""
        told.append(_CALLS.get(approval.call_state, _NOT_RUN) + usage)
    else:
        told.append(_RESTORED if approval.was_restored else _ENDS[approval.state])
    return "\n".join(told)


def used(usage: Usage) -> str:
    """Such as ``12 ms, 3.1 MB, 1.2 M fuel; 40 B in, 210 B out``."""
    fuel = "" if usage.fuel is None else f", {_short(usage.fuel)} fuel"
    return (
        f"{usage.seconds * 1000:.0f} ms, {_short(usage.memory_bytes)}B{fuel}; "
        f"{_short(usage.bytes_in)}B in, {_short(usage.bytes_out)}B out"
    )


def _short(number: float) -> str:
    """Three digits and their unit: ``12 ``, ``3.1 M``."""
    power = 0
    while number >= 999.5:
        number /= 1000
        power += 1
    return f"{number:.3g} {' kMGTPE'[power].strip()}"
