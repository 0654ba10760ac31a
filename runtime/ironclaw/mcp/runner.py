"""Carries out calls whose ticket is spent: against exactly the tools that were approved, or not at all."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import structlog

from ironclaw.errors import BadRequest, IronclawError
from ironclaw.mcp.link import Link
from ironclaw.mcp.listing import Listing
from ironclaw.mcp.served import Served
from ironclaw.mcp.texts import plain
from ironclaw.orchestrator.holding import BeforeEffect
from ironclaw.registry import Toolbox
from ironclaw.task import Effect, FailureKind, Json, ToolFailure, ToolResult
from ironclaw.veto import Ticket

if TYPE_CHECKING:
    from mcp_types import CallToolResult

KEY = "ironclaw/idempotency-key"  #: In a request's _meta.
MAX_SAID = 16_384  #: Characters of a failure in the server's own words.
CHANGED = "The tools of {name} are not those that were approved any more. Nothing was sent."
ASKS_BACK = "The server asked for something in return instead of answering, which nobody here gives."
_ANSWERS = frozenset({-32601, -32602})  #: No such method, wrong parameters: the connection is well.
LOST = "The server was sent this call, and gave no answer ({why}): it may have done it."

log = structlog.get_logger(__name__)


class Runner:
    """Calls tools of servers."""

    def __init__(self, served: Mapping[str, Served]) -> None:
        self._served = served

    async def run(self, ticket: Ticket, before_effect: BeforeEffect) -> ToolResult:
        """See :class:`ironclaw.orchestrator.body.Runner`."""
        box = ticket.tool.toolbox
        served = self._served.get(box.name)
        theirs = served.offer.theirs.get(ticket.tool.name) if served else None
        if served is None or theirs is None:
            return _failed(FailureKind.UNAVAILABLE, f"The server {box.name} is not there. Nothing was sent.")
        try:
            with served.using(ticket.call.tenant) as link:
                return await _called(ticket, served, link, theirs, before_effect)
        except BadRequest as error:
            return _failed(
                FailureKind.UNAVAILABLE, f"{box.name}: {plain(str(error), 300)}. Nothing was sent."
            )


async def _called(
    ticket: Ticket, served: Served, link: Link, theirs: str, before_effect: BeforeEffect
) -> ToolResult:
    """
    :raises BadRequest: it cannot be called now
    :raises IronclawError: of before_effect: the store says that nothing may begin
    """
    is_sent = False
    try:
        async with link.session() as (session, listing):
            if not _is_as_approved(served, listing, ticket.tool.toolbox):
                return _failed(FailureKind.DENIED, CHANGED.format(name=served.name))
            if ticket.tool.effect is not Effect.PURE:
                await before_effect()
            is_sent = True
            return answer(await session.call(theirs, json.loads(ticket.call.args), _meta(ticket)))
    except IronclawError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever the package raises
        log.warning("mcp_call_failed", server=served.name, tool=ticket.tool.name, kind=type(error).__name__)
        return _unanswered(served.name, link, error, is_sent=is_sent)


def _unanswered(name: str, link: Link, error: Exception, *, is_sent: bool) -> ToolResult:
    code = getattr(error, "code", None)
    if is_sent and code in _ANSWERS:
        said = _said(str(error))
        return _failed(FailureKind.INTERNAL, f"The server answered with the error {code}: {said}")
    link.drop("a call failed")
    why = link.ended_because or type(error).__name__
    text = LOST.format(why=why) if is_sent else f"{name} gave no answer: {why}. Nothing was sent."
    return _failed(FailureKind.UNAVAILABLE, text)


def _is_as_approved(served: Served, listing: Listing, box: Toolbox) -> bool:
    """Whether the ticket, what people approved and what the server lists now are one and the same."""
    row = served.approved
    pinned = (box.component_sha256, box.manifest_sha256)
    return row is not None and (row.component, row.manifest) == pinned and served.is_pinned(row, listing)


def _meta(ticket: Ticket) -> dict[str, Json]:
    return {KEY: ticket.idem_key} if ticket.tool.effect is Effect.KEYED else {}


def answer(result: CallToolResult | None) -> ToolResult:
    """A result as the brain gets it: texts and plain data; of anything else that there was some.

    :param result: None where the server asks for something in return
    """
    if result is None:
        return _failed(FailureKind.DENIED, ASKS_BACK)
    texts = [each.text for each in result.content if each.type == "text"]
    if result.is_error:
        return _failed(FailureKind.INTERNAL, f"The server says that it failed: {_said(' '.join(texts))}")
    dropped = Counter(each.type for each in result.content if each.type != "text")
    found: dict[str, Any] = {"content": texts}
    if result.structured_content is not None:
        found["structured"] = result.structured_content
    if dropped:
        what = ", ".join(f"{count} of {kind}" for kind, count in sorted(dropped.items()))
        found["note"] = f"Left out: {what}."
    return ToolResult(output=_as_json(found))


def _said(text: str) -> str:
    """A failure in the server's words, whole or not at all: half a secret is no secret that anybody finds."""
    if len(text) > MAX_SAID:
        return f"in more than {MAX_SAID} characters, which are not shown"
    return plain(text, MAX_SAID) or "it says nothing of it"


def _as_json(value: Json) -> str:
    """NaN and the infinities, which are no JSON, become texts; lone surrogates are taken out."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=str, allow_nan=False)
    except ValueError:
        finite = json.loads(json.dumps(value, default=str), parse_constant=str)
        text = json.dumps(finite, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "replace").decode()


def _failed(kind: FailureKind, message: str) -> ToolResult:
    return ToolResult(failure=ToolFailure(kind, message))
