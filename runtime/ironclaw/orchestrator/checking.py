"""Asks a tool's check whether a call happened that a crash interrupted."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from ironclaw.errors import Conflict, Refused, SandboxError
from ironclaw.orchestrator.body import Body
from ironclaw.orchestrator.taint import adds, hosts_of
from ironclaw.registry import Registry, Tool
from ironclaw.store import CallRow, Flow, Store
from ironclaw.task import Json, ToolCall, ToolResult, Usage
from ironclaw.veto import Veto, tool_call

log = structlog.get_logger(__name__)
NOTHING = Usage()


@dataclass(frozen=True, slots=True)
class Found:
    """What a check answered."""

    happened: bool
    output: str = ""  #: Of the call, JSON text, untrusted; "" where it did not happen.
    usage: Usage = NOTHING


class Checking:
    """Runs checks: as calls of their own, which can change nothing."""

    def __init__(
        self, store: Store, veto: Veto, registry: Registry, body: Body, clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._veto = veto
        self._registry = registry
        self._body = body
        self._clock = clock

    async def ask(self, flow: Flow, call: CallRow) -> Found | None:
        """Whether a call happened; None where its check does not say, whyever.

        :raises Conflict: another process has taken the workflow over
        """
        tool = self._registry.get(call.tool)
        check = self._registry.get(tool.check) if tool and tool.check else None
        if tool is None or check is None or not is_as_judged(tool, call):
            return None
        await self._store.calls.note(flow, call, "call_checking", self._clock(), check=check.name)
        found, why = await self._answer(flow, call, tool, check)
        said = {"happened": found and found.happened, "why": why}
        await self._store.calls.note(flow, call, "call_checked", self._clock(), check=check.name, **said)
        return found

    async def _answer(self, flow: Flow, call: CallRow, tool: Tool, check: Tool) -> tuple[Found | None, str]:
        """What it found, or else why it found nothing, in a word."""
        if self._registry.faults(check, json.loads(call.args)):
            return None, "bad_arguments"
        try:
            ticket = await self._veto.admit_check(_planned(flow, call, tool, check), check)
            result = await self._body.run(ticket, _changes_nothing)
        except Refused:
            return None, "not_allowed"
        except SandboxError:
            return None, "crashed"
        except Exception:
            log.exception("check_failed_in_host", tool=check.name, seq=call.seq)
            return None, "crashed"
        if result.failure:
            return None, result.failure.kind.value
        found = read(result)
        return found, "" if found else "no_answer"


def is_as_judged(tool: Tool, call: CallRow) -> bool:
    """An upgrade of the toolbox may have another check, or another sense of the same arguments."""
    now = (tool.toolbox.component_sha256, tool.toolbox.manifest_sha256)
    return now == (call.component_sha256, call.manifest_sha256)


def read(result: ToolResult) -> Found | None:
    """``{"happened": true, "output": ...}`` or ``{"happened": false}``; anything else says nothing."""
    try:
        said: Json = json.loads(result.output or "null")
    except (ValueError, RecursionError):
        return None
    happened = said.get("happened") if isinstance(said, dict) else None
    if happened is True and said.keys() == {"happened", "output"}:
        return Found(True, json.dumps(said["output"], ensure_ascii=False), result.usage)
    return Found(False) if happened is False and len(said) == 1 else None


def _planned(flow: Flow, call: CallRow, tool: Tool, check: Tool) -> ToolCall:
    """The check as a call: the same arguments, within what the call itself may touch and use."""
    known = replace(
        call.circumstances,
        preview=None,
        hosts=hosts_of(check, call.args),
        taints=adds(check, call.args),
        reach=check.capabilities.lines,
    )
    planned = tool_call(flow, call.seq, check, call.args, known)
    limits = check.capabilities.limits.capped(tool.capabilities.limits)
    return replace(planned, capabilities=replace(check.capabilities, limits=limits))


async def _changes_nothing() -> None:
    raise Conflict("A check changes nothing.")
