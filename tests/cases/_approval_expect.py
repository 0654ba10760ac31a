"""What a scenario expects, held against effects outside, rows, Slack's messages, answers and logs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from ironclaw.task import Role
from ironclaw_bot.slack.presses import DOUBT_NOT_RUN, DOUBT_RAN, DOUBT_SHOW
from tests.cases._approval_play import Play
from tests.cases._approval_slack import Json
from tests.cases._approval_states import Stood, fits, stood
from tests.cases._approval_toolbox import known_as
from tests.fakes import card_reader

Check = Callable[[Play, Any], Any]  #: What there is instead; None where it is as expected.
#: Our names of a scenario's audit events.
EVENTS = {
    "proposed": "call_pending",
    "approved": "approval_approved",
    "executed": "call_succeeded",
    "policy_change_denied": "policy_change_denied",
}


def problem(play: Play) -> str | None:
    """What is not as the scenario expects, or None."""
    found = {word: CHECKS[word](play, wanted) for word, wanted in play.scenario["expect"].items()}
    wrong = [
        f"{word} is {there!r}, not {play.scenario['expect'][word]!r}"
        for word, there in found.items()
        if there is not None
    ]
    return "; ".join(wrong) or None


def differs(there: Any, wanted: Any) -> Any:
    return None if there == wanted else there


# Effects


def arrived(play: Play) -> list[tuple[str, str]]:
    """(path, idempotency key) of every request that reached the world outside."""
    seen = play.world.stage.internet.requests
    return [(each.path, each.headers.get("idempotency-key", "")) for each in seen]


def executed(play: Play, wanted: int) -> Any:
    return differs(len(arrived(play)), wanted)


def executed_max(play: Play, wanted: int) -> Any:
    return None if len(arrived(play)) <= wanted else len(arrived(play))


def effects(play: Play, wanted: int) -> Any:
    """A receiver that honours the key sees this many."""
    return differs(len(set(arrived(play))), wanted)


def second_executed(play: Play, wanted: bool) -> Any:
    later = [json.loads(each.body) for each in play.world.stage.internet.requests[1:]]
    return differs(bool(later), wanted)


def next_high_executed(play: Play, wanted: int) -> Any:
    return executed(play, wanted)


# Rows


def state(play: Play, wanted: str) -> Any:
    calls = stood(play.world)
    if not calls and play.replies and 400 <= play.replies[-1].status < 600:
        return _left_nothing(play)
    return None if fits(wanted, calls) else [(c.tool, c.state, c.review, c.rule, c.seen[:200]) for c in calls]


def _left_nothing(play: Play) -> Any:
    """A task that its door refused is nowhere."""
    return play.world.workflows() or None


def votes(play: Play, wanted: int) -> Any:
    return differs([call.votes for call in stood(play.world)], [wanted])


def ids(play: Play, wanted: str) -> Any:
    """128 random bits each: no two alike in any part."""
    found = [row["id"] for row in play.world.query("SELECT id FROM approvals UNION SELECT id FROM workflows")]
    is_random = all(re.fullmatch(r"[0-9a-f]{32}", each) for each in found)
    pieces = {(at, each[at : at + 8]) for each in found for at in (0, 8, 16, 24)}
    return None if len(found) >= 4 and is_random and len(pieces) == 4 * len(found) else found


def workflow(play: Play, wanted: str) -> Any:
    [row] = play.world.query("SELECT state, outcome FROM workflows")
    is_so = wanted == "suspended" and row["state"] == "failed" and "people have denied" in row["outcome"]
    return None if is_so else tuple(row)


def then(play: Play, wanted: str) -> Any:
    """The workflow ends there, and the brain is not asked again."""
    [row] = play.world.query("SELECT state, outcome FROM workflows")
    is_so = wanted == "stop" and "which is the limit" in row["outcome"] and len(play.world.brain.seen) == 1
    return None if is_so else (*row, len(play.world.brain.seen))


def audit(play: Play, wanted: list[str]) -> Any:
    """These events, in this order."""
    there = iter([each["event"] for each in play.world.events()])
    missing = [each for each in wanted if EVENTS[each] not in there]
    return missing or None


# Slack


def messages(play: Play) -> Iterator[Json]:
    for team in play.world.stage.slack.world.teams.values():
        for channel in team.channels.values():
            yield from (each for each in channel.messages if each.get("bot_id"))


def _posted_cards(play: Play) -> int:
    """Messages that ever had buttons to decide with."""
    posted = (
        each["args"]
        for each in play.world.stage.slack.journal
        if each["what"] == "api" and each["method"] == "chat.postMessage"
    )
    return sum("ironclaw_approve" in json.dumps(each.get("blocks", [])) for each in posted)


def cards(play: Play, wanted: int) -> Any:
    return differs(_posted_cards(play), wanted)


def cards_max(play: Play, wanted: int) -> Any:
    return None if 0 < _posted_cards(play) <= wanted else _posted_cards(play)


def ephemeral_to_clicker(play: Play, wanted: bool) -> Any:
    clicker = play.scenario["steps"][-1]["user"].replace("_", "")
    room = play.world.stage.slack.world.team("T0001").channel("ops")
    return differs(any(each["to"] == clicker for each in room.ephemerals), wanted)


def shown_args(play: Play, wanted: Json) -> Any:
    """The card's arguments, read back, are what arrived outside."""
    card = play.cards[-1]
    shown = card_reader.arguments(card.message) if card else {}
    sent = [json.loads(each.body) for each in play.world.stage.internet.requests]
    is_so = wanted.items() <= shown.items() and sent == [shown]
    return None if is_so else (shown, sent)


def shown_includes(play: Play, wanted: list[str]) -> Any:
    """``body (default)``: the card shows the value and says that it is the schema's."""
    card = play.cards[-1]
    lines = "\n".join(card_reader.boxes(card.message)).split("\n") if card else []
    marked = {line.split(":")[0] for line in lines if line.endswith(card_reader.DEFAULT)}
    names = {card_reader.MARK + each.removesuffix(" (default)") for each in wanted}
    return differs(marked, names)


def shown(play: Play, wanted: str) -> Any:
    """People are named by their ids: Slack draws their names, and what they call themselves is not text."""
    text = json.dumps([each["blocks"] for each in messages(play)], ensure_ascii=False)
    names = [step["requester_name"] for step in play.scenario["steps"] if "requester_name" in step]
    is_so = "<@UREQ>" in text and not any(word in text for name in names for word in name.split(" ", 1))
    return None if is_so else text


def asks_human(play: Play, wanted: bool) -> Any:
    """With the three buttons, in the thread."""
    said = json.dumps([each["blocks"] for each in messages(play)])
    return differs(all(f'"{each}"' in said for each in (DOUBT_RAN, DOUBT_NOT_RUN, DOUBT_SHOW)), wanted)


# What is said


def brain_sees(play: Play, wanted: str) -> Any:
    told = [call.seen for call in stood(play.world)]
    return None if any(wanted in each for each in told) else told


def brain_role(play: Play, wanted: str) -> Any:
    """What a person wrote reaches the brain as data of a tool, and in no other way."""
    [note] = [step["note"] for step in play.scenario["steps"] if "note" in step]
    heard = {
        message.role for seen in play.world.brain.seen for message in seen.messages if note in message.text
    }
    return differs(heard, {Role.TOOL} if wanted == "tool/data" else wanted)


def http(play: Play, wanted: int) -> Any:
    """The status; of an unknown thing also the words, which are those of an id that never was."""
    reply = play.replies[-1]
    if reply.status != wanted:
        return reply.status, reply.body
    return differs(reply.body, play.notes["unknown"]) if "unknown" in play.notes else None


def items(play: Play, wanted: int) -> Any:
    reply = play.replies[-1]
    return differs((reply.status, len(reply.json.get("approvals", ()))), (200, wanted))


def sql_error(play: Play, wanted: bool) -> Any:
    return differs(b"sql" in play.replies[-1].body.lower(), wanted)


def alert(play: Play, wanted: bool) -> Any:
    """An error in the operator's log."""
    return differs(any(each["log_level"] == "error" for each in play.world.logs), wanted)


def detect(play: Play, wanted: str) -> Any:
    """The bot does not start, and says why."""
    return (
        None
        if wanted == "audit checkpoint ahead of db" and "checkpoint" in play.world.refusal
        else (play.world.refusal)
    )


def raises(play: Play, wanted: str) -> Any:
    raised = play.notes.get("raised", [])
    return None if raised and set(raised) == {wanted} else raised


def retry(play: Play, wanted: bool) -> Any:
    """Before the rows were there nothing could be clicked; now it can."""
    return differs(not play.notes["early cards"] and play.cards[-1] is not None, wanted)


def policy(play: Play, wanted: str) -> Any:
    """A tool of this class is refused by the registry, and a call of it is a call of nothing."""
    refusal = play.notes.get("registry", "")
    is_so = (
        "not bindable" in wanted
        and "cannot be bound" in refusal
        and fits("denied_unknown_tool", stood(play.world))
    )
    return None if is_so else (refusal, stood(play.world))


CHECKS: dict[str, Check] = {
    each.__name__: each
    for each in (
        *(executed, executed_max, effects, second_executed, next_high_executed, state, votes, ids, workflow),
        *(then, audit, cards, cards_max, ephemeral_to_clicker, shown_args, shown_includes, shown, asks_human),
        *(brain_sees, brain_role, http, items, sql_error, alert, detect, raises, retry, policy),
    )
}
__all__ = ["Stood", "known_as", "problem"]
