"""A person's arguments in the place of the brain's: judged like a proposal, and never run unasked."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

from ironclaw.canonical import canonical_text
from ironclaw.errors import BadRequest, Conflict
from ironclaw.orchestrator.judging import DryRun, HttpAllow, previewed
from ironclaw.orchestrator.reach import beyond_reach
from ironclaw.orchestrator.taint import brings, hosts_of
from ironclaw.plugin_manager import Hooks
from ironclaw.registry import Registry, Tool, parse_arguments
from ironclaw.store import Edited, Flow, Store
from ironclaw.store.moves import SHORT_CARD
from ironclaw.task import ApprovalView, Decision, Json, Principal, ToolCall
from ironclaw.terms import Circumstances
from ironclaw.veto import BoundVerdict, Veto, new_id, tool_call

LOOKS_PRIVATE = "This looks like a secret. Tools use secrets by name: nobody has to write one down."


class Editor:
    """Makes a new version of what waits.  Whoever may approve it may do so."""

    def __init__(
        self,
        store: Store,
        veto: Veto,
        registry: Registry,
        hooks: Hooks,
        http_allow: HttpAllow,
        dry_run: DryRun,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._veto = veto
        self._registry = registry
        self._hooks = hooks
        self._http_allow = http_allow
        self._dry_run = dry_run
        self._clock = clock

    async def edit(
        self, principal: Principal, approval_id: str, text: str, version: int | None
    ) -> ApprovalView:
        """The version with these arguments.  It waits; votes on the old one do not count for it.

        :param text: JSON, an object
        :param version: the version that the person saw; None when the door shows none
        :raises NotFound: no such approval of the principal's tenant
        :raises Refused: this person may not approve it, or policy is against these arguments
        :raises BadRequest: not arguments of this tool; ``pointer`` names the one that is wrong
        :raises Conflict, Expired: it does not wait any more, or a newer version exists
        """
        asked = await self._veto.entitled(principal, approval_id, Decision.APPROVE, version)
        tool = self._registry.get(asked.tool)
        if tool is None:
            raise Conflict("The tool is gone; nothing was run.")
        args, defaults = self._read(tool, asked, text)
        await self._check_room(asked, args)
        flow = await self._store.workflows.load(asked.workflow_id)
        files = await self._veto.contents.of(flow.tenant, tool.files, args)
        known = replace(_circumstances(flow, asked, tool, args, defaults, principal), files=files)
        call = tool_call(flow, asked.seq, tool, args, known)
        verdict = await self._judge(flow, call, asked)
        call = await previewed(call, tool, self._dry_run)
        edited = _edited(call, principal, verdict.of(call))
        await self._store.edits.write(asked, edited, self._clock())
        return await self._store.approvals.view(principal.tenant, edited.approval_id)

    def _read(self, tool: Tool, asked: ApprovalView, text: str) -> tuple[str, tuple[str, ...]]:
        """The canonical arguments, and pointers to what the schema filled in.

        :raises BadRequest: they are no arguments of this tool, hold a secret, or are those that wait
        """
        args: dict[str, Json] = parse_arguments(text)
        faults = self._registry.faults(tool, args)
        if faults:
            sentences = "; ".join(fault.sentence for fault in faults[:5])
            raise BadRequest(f"These are no arguments of {tool.name}: {sentences}.", faults[0].pointer)
        whole = self._registry.with_defaults(tool, args)
        self._check_secrets(asked, whole)
        if canonical_text(whole) == asked.args:
            raise BadRequest("These are the arguments that wait already.")
        return canonical_text(whole), self._registry.defaulted(tool, args)

    def _check_secrets(self, asked: ApprovalView, args: dict[str, Json]) -> None:
        before = json.loads(asked.args)
        for name, value in args.items():
            plain = canonical_text({name: value})
            is_new = name not in before or canonical_text({name: before[name]}) != plain
            if is_new and self._hooks.redact(asked.tenant, plain) != plain:
                raise BadRequest(LOOKS_PRIVATE, "/" + name.replace("~", "~0").replace("/", "~1"))

    async def _check_room(self, asked: ApprovalView, args: str) -> None:
        shown = await self._store.approvals.on_card(asked.tenant, asked.card)
        others = [each.args for each in shown if each.seq != asked.seq]
        if others and sum(map(len, [args, *others])) > SHORT_CARD:
            raise BadRequest("These are too long for a card with other calls. Deny this one and ask anew.")

    async def _judge(self, flow: Flow, call: ToolCall, asked: ApprovalView) -> BoundVerdict:
        denial = beyond_reach(call, self._http_allow(flow.tenant))
        return await self._veto.judge_edited(call, asked, denial)


def _circumstances(
    flow: Flow, asked: ApprovalView, tool: Tool, args: str, defaults: tuple[str, ...], editor: Principal
) -> Circumstances:
    """Those of the proposal, which the brain made; what follows from arguments follows from the new ones."""
    return replace(
        asked.circumstances,
        hosts=hosts_of(tool, args),
        taints=brings(flow, tool, args),
        defaults=defaults,
        reach=tool.capabilities.lines,
        edited_by=editor.id,
        preview=None,
    )


def _edited(call: ToolCall, editor: Principal, verdict: BoundVerdict) -> Edited:
    return Edited(
        approval_id=new_id(),
        editor=editor.id,
        args=call.args,
        circumstances=call.circumstances,
        rule=verdict.opinion.rule,
        policy_version=verdict.policy_version,
        action_sha256=verdict.action_sha256,
        terms=verdict.opinion.terms,
        expires_at=verdict.expires_at,
        asked_at=verdict.asked_at,
    )
