"""The right to run one call once: made where its row is spent, and asked for where it runs."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass

from ironclaw.canonical import mac, subkey
from ironclaw.errors import NotAuthorized
from ironclaw.registry import Tool
from ironclaw.task import ToolCall


@dataclass(frozen=True, slots=True)
class Ticket:
    """For exactly this call of this tool."""

    call: ToolCall
    tool: Tool
    idem_key: str  #: Put into each changing request.
    number: str  #: Random; each is good once.
    mac: str
    is_check: bool = False  #: Whether it asks after another call, by that one's key.


class Tickets:
    """Those of this process.  A crash leaves none: what it interrupted gets a new one, or nobody runs it."""

    def __init__(self, key: bytes) -> None:
        self._key = subkey(key, "ticket")
        self._open: set[str] = set()

    def mint(self, call: ToolCall, tool: Tool, idem_key: str, *, is_check: bool = False) -> Ticket:
        """Only right after the call's row has become ``executing``; or to check one that was left so."""
        number = secrets.token_hex(16)
        self._open.add(number)
        seal = self._seal(call, tool, idem_key, number, is_check)
        return Ticket(call, tool, idem_key, number, seal, is_check)

    def spend(self, ticket: object) -> Ticket:
        """The ticket itself, good for one run.

        :raises NotAuthorized: it is none, it was changed, or it was spent before
        """
        if not isinstance(ticket, Ticket) or ticket.number not in self._open:
            raise NotAuthorized
        seal = self._seal(ticket.call, ticket.tool, ticket.idem_key, ticket.number, ticket.is_check)
        if not hmac.compare_digest(seal.encode(), ticket.mac.encode()):
            raise NotAuthorized
        self._open.discard(ticket.number)
        return ticket

    def _seal(self, call: ToolCall, tool: Tool, idem_key: str, number: str, is_check: bool) -> str:
        bound = [call.tenant, call.workflow_id, call.seq, call.tool, call.args, call.component_sha256]
        code = [tool.name, tool.toolbox.component_sha256, tool.toolbox.manifest_sha256]
        return mac(self._key, [*bound, *code, idem_key, number, is_check])
