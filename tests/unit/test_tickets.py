"""The right to run one call once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ironclaw.capabilities import Capabilities
from ironclaw.errors import NotAuthorized
from ironclaw.registry import Tool, Toolbox
from ironclaw.task import Effect, Risk, ToolCall
from ironclaw.veto.tickets import Ticket, Tickets

BOX = Toolbox("desk", "1", Path("desk"), Path("desk/c.wasm"), "a" * 64, "b" * 64, "pure")
TOOL = Tool("desk.send", "Sends.", {"type": "object"}, Risk.HIGH, Effect.ONCE, Capabilities(), BOX)
CALL = ToolCall(
    *("T1", "slack:T1:U_ADA", "w", 1, "desk.send", '{"to":"a"}', Risk.HIGH, Effect.ONCE, Capabilities()),
    *("a" * 64, "b" * 64, "slack"),
)


def test_a_ticket_is_good_once() -> None:
    """
    It is taken the first time, and never again.
    """
    tickets = Tickets(b"k" * 32)
    ticket = tickets.mint(CALL, TOOL, "key")

    assert ticket is tickets.spend(ticket)
    with pytest.raises(NotAuthorized):
        tickets.spend(ticket)


@pytest.mark.parametrize(
    "changed",
    [
        {"call": replace(CALL, args='{"to":"b"}')},
        {"call": replace(CALL, tenant="T2")},
        {"call": replace(CALL, seq=2)},
        {"tool": replace(TOOL, toolbox=replace(BOX, component_sha256="c" * 64))},
        {"idem_key": "other"},
        {"number": "0" * 32},
        {"mac": "é"},
    ],
)
def test_a_changed_ticket_is_none(changed: dict[str, object]) -> None:
    """
    It is for exactly one call of one tool; what was changed is refused, and the ticket is still good.
    """
    tickets = Tickets(b"k" * 32)
    ticket = tickets.mint(CALL, TOOL, "key")
    with pytest.raises(NotAuthorized):
        tickets.spend(replace(ticket, **changed))

    assert ticket == tickets.spend(ticket)


@pytest.mark.parametrize("made_up", [None, CALL, Ticket(CALL, TOOL, "key", "0" * 32, "0" * 64)])
def test_nobody_else_makes_one(made_up: object) -> None:
    """
    A call is no ticket, and neither is one that somebody wrote or that another host made.
    """
    tickets = Tickets(b"k" * 32)
    for each in (made_up, Tickets(b"o" * 32).mint(CALL, TOOL, "key")):
        with pytest.raises(NotAuthorized):
            tickets.spend(each)
