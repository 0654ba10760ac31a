"""What the Slack door draws of calls of which nobody knows whether they ran, by name."""

from __future__ import annotations

from typing import Any

from ironclaw.canonical import canonical
from ironclaw.deciders import Deciders
from ironclaw.task import CallState, DoubtState, Said, Testimony, WorkflowState, WorkflowView
from ironclaw.terms import Circumstances
from ironclaw_bot.slack import drawings, home
from ironclaw_bot.slack.doubt_card import details, doubt_card
from tests.fakes.approvals import NOW, a_doubt, an_approval

VALUE = "do_1.mac"
WHO = Deciders(("slack:T0001:U1BO", "jwt:https://id.test|cy"))
NOBODY = Deciders(problem="Nobody of <finance> exists here.")
NOT_RUN = Testimony("slack:T0001:U1BO", Said.NOT_RUN, NOW + 90, "totp")
RAN = Testimony("jwt:https://id.test|cy", Said.RAN, NOW + 95)
ODD = {"to": "p\u0430ypal.example", "note": "<!channel> &amp; \u202egnp.exe"}
PAUSED = WorkflowView(
    "wf_1", "acme", "slack:T0001:U1ADA", "order <coffee>", WorkflowState.PAUSED, "", NOW, NOW, doubt=a_doubt()
)


def _card(**changes: Any) -> dict[str, Any]:
    return doubt_card(a_doubt(**changes), VALUE, WHO)


def _settled(state: DoubtState, call: CallState, *told: Testimony) -> dict[str, Any]:
    return _card(state=state, call_state=call, testimonies=told)


DOUBTS: dict[str, dict[str, Any]] = {
    "doubt_open": _card(),
    "doubt_open_one_of_two": _card(testimonies=(NOT_RUN,)),
    "doubt_open_nothing_left": _card(effect_begun_at=None, events=()),
    "doubt_open_odd": _card(args=canonical(ODD).decode(), tool="<!here>.x"),
    "doubt_open_cut": _card(args=canonical({"text": "A" * 5000}).decode()),
    "doubt_open_not_showable": _card(args='{"b":1,"a":2}'),
    "doubt_open_nobody": doubt_card(a_doubt(), VALUE, NOBODY, "Acme & <Co>"),
    "doubt_ran": _settled(DoubtState.RAN, CallState.SUCCEEDED, NOT_RUN, RAN),
    "doubt_not_run": _settled(DoubtState.NOT_RUN, CallState.APPROVED, NOT_RUN),
    "doubt_not_run_ran": _settled(DoubtState.NOT_RUN, CallState.SUCCEEDED, NOT_RUN),
    "doubt_not_run_replaced": _settled(DoubtState.NOT_RUN, CallState.SUPERSEDED, NOT_RUN),
    "doubt_cancelled": _settled(DoubtState.CANCELLED, CallState.IN_DOUBT),
    "doubt_details": details(a_doubt(args=canonical({"text": "A\n" * 2000, **ODD}).decode())),
    "doubt_details_not_showable": details(
        a_doubt(args='{"b":1,"a":2}', circumstances=Circumstances(reach=("writes <files>",)))
    ),
    "doubt_status": drawings.one_workflow(PAUSED),
    "doubt_list": drawings.approval_list([an_approval()], [a_doubt(testimonies=(NOT_RUN,))]),
    "doubt_home": home.view(home.Seen(doubts=[a_doubt()])),
}
