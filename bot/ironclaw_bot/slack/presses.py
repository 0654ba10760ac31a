"""What somebody pressed, chose or handed in: pure functions from payloads.

Payloads come verified, as in ``tasks``.  Who acted, and in which message, is read from the envelope; what a
button carries is sealed by the engine and opened there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ironclaw.task import Decision, Json, Said, SlackIdentity
from ironclaw_bot.slack.tasks import part

APPROVE = "ironclaw_approve"
DENY = "ironclaw_deny"
DETAILS = "ironclaw_details"
REVOKE = "ironclaw_revoke"  #: A grant; its value is the grant's id.
OPEN = "ironclaw_open"  #: A link: the press itself does nothing.
MORE = "ironclaw_more"  #: The menu of a card: its values begin with what to do.
DOUBT_RAN, DOUBT_NOT_RUN = "ironclaw_doubt_ran", "ironclaw_doubt_not_run"
DOUBT_SHOW = "ironclaw_doubt_show"
ANSWERS = tuple(f"ironclaw_answer_{number}" for number in range(5))  #: The choices of a question.
STOP = "ironclaw_stop"  #: A task that another one of its thread waits for; its value is the ids of both.
REASON, EDIT, REMEMBER = "reason", "edit", "remember"
DECISIONS = {APPROVE: Decision.APPROVE, DENY: Decision.DENY}
TESTIMONIES = {DOUBT_RAN: Said.RAN, DOUBT_NOT_RUN: Said.NOT_RUN}
ACTIONS = frozenset({*DECISIONS, *TESTIMONIES, *ANSWERS, DOUBT_SHOW, DETAILS, REVOKE, MORE, OPEN, STOP})
#: Modals that are handed in.
DENY_FORM, EDIT_FORM, REMEMBER_FORM = "ironclaw_deny_form", "ironclaw_edit_form", "ironclaw_remember_form"


@dataclass(frozen=True, slots=True)
class Click:
    """A press of one of our buttons, or a choice from a card's menu."""

    identity: SlackIdentity
    action: str  #: The button's action_id; of a menu, what was chosen: REASON, EDIT or REMEMBER.
    value: str
    place: Mapping[str, str]  #: Where the clicker can be spoken to.
    #: What was clicked, as the outbox knows it: {"channel", "ts"} of a message, {"home", "team"} of App Home;
    #: empty for anything else.
    spot: Mapping[str, str]
    trigger_id: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """A modal of ours that was handed in."""

    identity: SlackIdentity
    callback_id: str
    value: str  #: What the modal carried.
    answers: Mapping[str, str]  #: By block: what was written, or the value of the option that was chosen.


def click(body: Json) -> Click | None:
    """The press in a block_actions payload, or None when it is none of ours."""
    actions = body.get("actions")
    action = actions[0] if isinstance(actions, list) and actions and isinstance(actions[0], dict) else {}
    action_id, value = str(action.get("action_id")), str(action.get("value") or "")
    if action_id not in ACTIONS:
        return None
    if action_id == MORE:
        chosen = str(part(action, "selected_option").get("value") or "")
        action_id, _, value = chosen.partition(":")
    identity = click_identity(body)
    trigger_id = str(body.get("trigger_id") or "")
    return Click(identity, action_id, value, _near(body, identity), _spot(body, identity), trigger_id)


def _near(body: Json, identity: SlackIdentity) -> dict[str, str]:
    container = part(body, "container")
    place = {
        "team": identity.team_id,
        "user": identity.user_id,
        "channel": str(part(body, "channel").get("id") or container.get("channel_id") or ""),
        "thread_ts": str(container.get("thread_ts") or part(body, "message").get("thread_ts") or ""),
    }
    return {name: value for name, value in place.items() if value}


def _spot(body: Json, identity: SlackIdentity) -> dict[str, str]:
    """A copy of a message inside another one (a container of another type) is no message of ours."""
    container = part(body, "container")
    if container.get("type") == "message" and not container.get("is_ephemeral"):
        return {"channel": str(container.get("channel_id")), "ts": str(container.get("message_ts"))}
    if container.get("type") == "view" and part(body, "view").get("type") == "home":
        return {"home": identity.user_id, "team": identity.team_id}
    return {}


def form(body: Json) -> Form:
    """What a view_submission payload hands in."""
    view = part(body, "view")
    values = part(part(view, "state"), "values")
    answers = {block_id: _answer(part(values, block_id)) for block_id in values}
    return Form(
        click_identity(body), str(view.get("callback_id")), str(view.get("private_metadata") or ""), answers
    )


def _answer(elements: Mapping[str, Json]) -> str:
    """Of an input block, which has one element; "" for nothing."""
    element = next((each for each in elements.values() if isinstance(each, dict)), {})
    option = element.get("selected_option")
    chosen = option.get("value") if isinstance(option, dict) else element.get("value")
    return "" if chosen is None else str(chosen)


def click_identity(body: Json) -> SlackIdentity:
    """Who pressed a button; an org-wide installation names no team, so the person's own stands for it."""
    user, team = part(body, "user"), part(body, "team")
    home = str(user.get("team_id") or "")
    enterprise = part(body, "enterprise").get("id") or team.get("enterprise_id") or ""
    return SlackIdentity(str(team.get("id") or home), str(user.get("id") or ""), home, str(enterprise))
