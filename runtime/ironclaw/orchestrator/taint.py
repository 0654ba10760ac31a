"""What a call is proposed in: what the brain has read, also earlier in the thread, and where."""

from __future__ import annotations

import json

from ironclaw.capabilities import TENANT_ALLOWLIST, Scratch
from ironclaw.egress.urls import parse_url
from ironclaw.errors import EgressDenied
from ironclaw.orchestrator.results import named
from ironclaw.registry import Tool, Where
from ironclaw.store import Flow
from ironclaw.task import CONTEXT_MARKER, CallState, Role
from ironclaw.terms import Circumstances

UNKNOWN = frozenset({"another task"})  #: Where a result of another task came from.
#: A call that got so far may have put its result, or its failure's text, before the brain.
RAN = frozenset({CallState.SUCCEEDED, CallState.FAILED, CallState.IN_DOUBT})


def circumstances(flow: Flow, tool: Tool, args: str, defaults: tuple[str, ...]) -> Circumstances:
    """Of a call that the brain proposes now."""
    return Circumstances(
        taint=read_so_far(flow),
        channel=flow.address.place.get("channel_type", ""),
        taints=brings(flow, tool, args),
        defaults=defaults,
        reach=tool.capabilities.lines,
        hosts=hosts_of(tool, args),
        scheduled=bool(flow.schedule_id),
    )


def read_so_far(flow: Flow) -> frozenset[str]:
    """Sources of the untrusted text that this workflow or its thread has read: hosts, "files", "context" ...

    An answer may hold what was read for it, and the brain sees the thread's answers.
    """
    taint = frozenset(each for call in flow.calls if call.state in RAN for each in call.circumstances.taints)
    said = (each.text for each in flow.messages if each.role is Role.USER and not each.source)
    asked = next(said, "")
    context = frozenset({"context"} if CONTEXT_MARKER in asked else ())
    return taint | flow.past_taint | flow.read_also | context


def brings(flow: Flow, tool: Tool, args: str) -> frozenset[str]:
    """What the result of a call may bring before the brain: by its tool, and by kept results that it names.

    Who reads on in a result has read from where that came; of another task nobody here knows from where.
    """
    mine = {call.seq: call.circumstances.taints for call in flow.calls}
    kept = named(args) if tool.capabilities.scratch is not Scratch.NONE else ()
    found = [mine.get(seq, UNKNOWN) if workflow_id == flow.id else UNKNOWN for workflow_id, seq in kept]
    return adds(tool, args).union(*found)


def adds(tool: Tool, args: str) -> frozenset[str]:
    """What the tool's own result may bring before the brain: by what it may touch, not what it says."""
    files = frozenset() if tool.capabilities.scratch is Scratch.NONE else frozenset({"files"})
    return files | hosts_of(tool, args)


def hosts_of(tool: Tool, args: str) -> frozenset[str]:
    """Hosts that the call may ask; of a tool that asks the operator's list, the one that it names.

    Of an MCP server's tool the server itself, as "mcp:NAME": whatever it is told has left, wherever it runs.
    """
    if tool.toolbox.where is Where.MCP:
        return frozenset({f"mcp:{tool.toolbox.name}"})
    hosts = {rule.host for rule in tool.capabilities.http}
    if TENANT_ALLOWLIST in hosts:
        named = named_host(args)
        hosts = hosts - {TENANT_ALLOWLIST} | ({named} if named else {TENANT_ALLOWLIST})
    return frozenset(hosts)


def named_host(args: str) -> str:
    """The host of the argument ``url``, by which a tool of the operator's list says whom it asks, or "".

    :param args: canonical JSON text
    """
    url = json.loads(args).get("url")
    try:
        return parse_url(url).host if isinstance(url, str) else ""
    except EgressDenied:
        return ""
