"""From the brain's untrusted words to calls with verdicts."""

from __future__ import annotations

import difflib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from ironclaw.canonical import canonical_text
from ironclaw.envelope import Preview
from ironclaw.errors import BadRequest
from ironclaw.orchestrator.late import late_bound
from ironclaw.orchestrator.reach import beyond_reach
from ironclaw.orchestrator.taint import circumstances
from ironclaw.registry import Registry, Tool, parse_arguments
from ironclaw.store import Flow, Judged
from ironclaw.store.moves import cards_of_turn
from ironclaw.task import CallState, Json, ProposedCall, ToolCall, Verdict, observation
from ironclaw.veto import BoundVerdict, Veto, idem_key, new_id, tool_call

STATES = {
    Verdict.ALLOW: CallState.APPROVED,
    Verdict.REVIEW: CallState.PENDING,
    Verdict.CORRECT: CallState.DENIED,
    Verdict.DENY: CallState.DENIED,
}
HttpAllow = Callable[[str], tuple[str, ...]]  #: The hosts that the operator allows a tenant's tools.
DryRun = Callable[[ToolCall, Tool], Awaitable[Preview | None]]
MAX_CALLS = 16  #: Calls in one turn; the rest are refused.


@dataclass(frozen=True, slots=True)
class _Flawed(Exception):
    rule: str
    kind: str
    message: str


class Judge:
    """Schema first, then reach, then policy; anything odd is a denial that the brain can read."""

    def __init__(self, registry: Registry, veto: Veto, http_allow: HttpAllow, dry_run: DryRun) -> None:
        self._registry = registry
        self._veto = veto
        self._http_allow = http_allow
        self._dry_run = dry_run

    async def judge(self, flow: Flow, calls: tuple[ProposedCall, ...]) -> tuple[Judged, ...]:
        """Each call with its verdict, in order."""
        first = len(flow.calls) + 1
        judged: list[Judged] = []
        for index, call in enumerate(calls):
            judged.append(_once(flow, await self._judge_one(flow, first + index, call, judged), judged))
        return tuple(judged)

    async def _judge_one(
        self, flow: Flow, seq: int, proposed: ProposedCall, earlier: Sequence[Judged]
    ) -> Judged:
        try:
            tool = self._known(flow, seq, proposed)
            args, defaults = self._arguments(tool, proposed.arguments)
            files = await self._files(flow, tool, args)
            known = replace(circumstances(flow, tool, args, defaults), files=files)
            call = tool_call(flow, seq, tool, args, known)
        except _Flawed as flaw:
            return _refused(flow, seq, proposed, flaw)
        denial = beyond_reach(call, self._http_allow(flow.tenant)) or late_bound(call)
        waiting = [len(each.args) for each in earlier if each.state is CallState.PENDING]
        cards = cards_of_turn([*waiting, len(call.args)])[-1]
        verdict = await self._veto.judge(call, denial, cards)
        if verdict.opinion.verdict is Verdict.REVIEW:
            try:
                call = await previewed(call, tool, self._dry_run)
            except BadRequest as error:
                return _refused(flow, seq, proposed, _Flawed("unfit", "correct", str(error)))
        return _judged(flow, seq, proposed, call, verdict.of(call))

    async def _files(self, flow: Flow, tool: Tool, args: str) -> tuple[tuple[str, str], ...]:
        """What is in the files that the arguments name."""
        try:
            return await self._veto.contents.of(flow.tenant, tool.files, args)
        except BadRequest as error:
            raise _Flawed("no-such-file", "correct", f"{error.pointer}: {error}") from None

    def _known(self, flow: Flow, seq: int, proposed: ProposedCall) -> Tool:
        if seq - len(flow.calls) > MAX_CALLS:
            raise _Flawed(
                "too-many-calls", "denied", f"At most {MAX_CALLS} calls in one turn; this one was not run."
            )
        tool = self._registry.get(proposed.tool)
        offered = {each.name for each in self._registry.of(flow.tenant, flow.tools)}
        if tool is None or tool.name not in offered:
            near = difflib.get_close_matches(proposed.tool, sorted(offered), n=3)
            hint = f" Near names: {', '.join(near)}." if near else ""
            raise _Flawed("unknown-tool", "unknown_tool", f"There is no such tool.{hint}")
        return tool

    def _arguments(self, tool: Tool, text: str) -> tuple[str, tuple[str, ...]]:
        """The canonical arguments, and pointers to what the schema filled in."""
        try:
            args: dict[str, Json] = parse_arguments(text)
            problems = self._registry.validate(tool, args)
            if problems:
                raise _Flawed("schema", "bad_arguments", "; ".join(problems[:5]))
            whole = canonical_text(self._registry.with_defaults(tool, args))
            return whole, self._registry.defaulted(tool, args)
        except BadRequest as error:
            raise _Flawed("schema", "bad_arguments", str(error)) from None


async def previewed(call: ToolCall, tool: Tool, dry_run: DryRun) -> ToolCall:
    """The call with what it will do, as far as its tool can say."""
    preview = await dry_run(call, tool)
    return replace(call, circumstances=replace(call.circumstances, preview=preview))


def _once(flow: Flow, call: Judged, earlier: list[Judged]) -> Judged:
    """The same question twice in one turn is one question."""
    asks = [(each.tool, each.args) for each in earlier if each.state is CallState.PENDING]
    if call.state is not CallState.PENDING or (call.tool, call.args) not in asks:
        return call
    flaw = _Flawed("waits-already", "correct", "The same call of this turn waits for approval already.")
    return _refused(flow, call.seq, ProposedCall(call.call_id, call.tool, call.args), flaw)


def _refused(flow: Flow, seq: int, proposed: ProposedCall, flaw: _Flawed) -> Judged:
    return Judged(
        seq=seq,
        call_id=proposed.id,
        tool=proposed.tool,
        state=CallState.DENIED,
        rule=flaw.rule,
        refusal=observation(flaw.kind, flaw.message),
        idem_key=idem_key(flow.id, seq),
    )


def _judged(flow: Flow, seq: int, proposed: ProposedCall, call: ToolCall, verdict: BoundVerdict) -> Judged:
    opinion = verdict.opinion
    reason = opinion.reason or "Policy does not allow this."
    kind = "correct" if opinion.verdict is Verdict.CORRECT else "denied"
    waits = opinion.verdict is Verdict.REVIEW
    return Judged(
        seq=seq,
        call_id=proposed.id,
        tool=call.tool,
        state=STATES[opinion.verdict],
        rule=opinion.rule,
        refusal=observation(kind, reason) if STATES[opinion.verdict] is CallState.DENIED else "",
        args=call.args,
        risk=call.risk,
        effect=call.effect,
        component_sha256=call.component_sha256,
        manifest_sha256=call.manifest_sha256,
        policy_version=verdict.policy_version,
        action_sha256=verdict.action_sha256,
        idem_key=idem_key(flow.id, seq),
        approval_id=new_id() if waits else "",
        expires_at=verdict.expires_at,
        asked_at=verdict.asked_at,
        terms=opinion.terms,
        circumstances=call.circumstances,
    )
