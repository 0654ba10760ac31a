"""Steps that somebody does at a door: ask, click, type, send a request."""

from __future__ import annotations

import asyncio
import secrets
import tempfile
from pathlib import Path
from urllib.parse import quote

from ironclaw.task import Move
from tests.cases import _approval_crash as crash
from tests.cases import _approval_slack as slack
from tests.cases._approval_play import USUAL, Play, Step, call_of, only
from tests.cases._approval_slack import APPROVE, CHANNEL, Card, Json, Sent
from tests.cases._approval_toolbox import remote_content_refused


async def propose(play: Play, step: Json) -> None:
    calls = [call_of(each, number) for number, each in enumerate([step, *step.get("also", [])])]
    turns = [only(*calls), *_variants(play), *_obeyed(play)]
    if "calls_inside" in step:  # The tool can only say what it would like: a brain that obeys proposes it.
        turns.append(only(call_of({"tool": step["calls_inside"], "args": USUAL}, 9)))
        play.notes["nested"] = await crash.nested_component_refused(play.world)
    for name in (name for name in step.get("args") or () if name == "url"):
        with tempfile.TemporaryDirectory() as folder:
            play.notes["registry"] = remote_content_refused(Path(folder), step["tool"], name)
    if step["tool"] == "upload":
        play.world.stage.write("T1", "a.txt", "what was approved")
    await play.ask(turns, step)


async def propose_variants(play: Play, step: Json) -> None:
    """The brain goes on, as it was told when it began; people deny whatever they are asked."""
    while (card := play.newest_card()) is not None:
        await slack.click(play.world, card, {"user": "U_APP", "action": "deny"})
        await play.world.settle()


def _variants(play: Play) -> list[Move]:
    """The turns of a brain that will not take no for an answer, where the scenario has one."""
    count = sum(step.get("n", 0) for step in play.scenario["steps"] if step["op"] == "propose_variants")
    changed = ({"tool": "send_email", "args": {**USUAL, "body": f"hi {n}"}} for n in range(count))
    return [only(call_of(each, number)) for number, each in enumerate(changed, start=1)]


def _obeyed(play: Play) -> list[Move]:
    """What a brain does that takes a person's note for an order, where the scenario has one."""
    notes = [step for step in play.scenario["steps"] if "note" in step]
    return [only(call_of({"tool": "wire_transfer", "args": USUAL}, 8)) for _ in notes]


async def tool_output(play: Play, step: Json) -> None:
    """The brain of the next proposal has read this first."""
    play.reads_first = [only(call_of({"tool": "read_notes", "args": {"text": step["text"]}}, 7))]


async def agent_says(play: Play, step: Json) -> None:
    """A call waits, and in another task the brain answers with a text."""
    await propose(play, {"tool": "send_email", "args": USUAL})
    play.notes["said"] = step["text"].replace("{{id}}", play.approval_id)
    await play.ask([Move(answer=play.notes["said"])], {})


async def click(play: Play, step: Json) -> None:
    card = play.cards[step.get("value_of", -1)] if play.cards else None
    place = play.cards[step["message_of"]] if "message_of" in step else None
    if "crash" in step:
        return await crash.killed_at(play.world, step["crash"], lambda: slack.click(play.world, card, step))
    play.world.stage.back_up(play.world.database)
    if step.get("delay_exec"):
        play.world.hold()
    play.clicks.append(await slack.click(play.world, card, step, place))
    return None


async def message(play: Play, step: Json) -> None:
    """In the card's own thread, as plain words and as a mention of the bot."""
    card = play.cards[-1]
    assert card is not None
    thread = card.message.get("thread_ts", card.ts)
    for mention in (False, True):
        await slack.say(play.world, step["user"], step["text"], thread_ts=thread, mention=mention)


async def replay_last_click(play: Play, step: Json) -> None:
    await replay_click(play, {"of": -1})


async def replay_click(play: Play, step: Json) -> None:
    """The same payload, signed anew."""
    await slack.send(play.world, _sent(play, step["of"]), seconds=1)


async def replay_http_raw(play: Play, step: Json) -> None:
    """The very same bytes."""
    await slack.send_raw(play.world, _sent(play, -1))


def _sent(play: Play, which: int) -> Sent:
    sent = play.clicks[which]
    assert sent is not None
    return sent


async def parallel(play: Play, step: Json) -> None:
    clicks = [{"action": action, "user": user} for action, user in step["clicks"] * step["n"]]
    await asyncio.gather(*(slack.click(play.world, play.cards[-1], each) for each in clicks))


async def parallel_processes(play: Play, step: Json) -> None:
    """No second bot starts on the same database; the clicks meant for both reach the first one's door."""
    for _ in range(step["n"] - 1):
        play.notes["second bot"] = await crash.second_bot(play.world)
    await parallel(play, {"clicks": [["approve", "U_APP"]], "n": step["n"]})


async def view_submission(play: Play, step: Json) -> None:
    metadata = step["private_metadata"].replace("{{id}}", play.approval_id)
    for callback_id in slack.callback_ids():
        await slack.submit_view(play.world, "U_APP", callback_id, metadata)


async def click_before_commit(play: Play, step: Json) -> None:
    """Somebody clicks while the rows are being written: there is no card yet, and nothing to decide."""
    app = await play.world.app()
    record, gate = app._store.workflows.record_move, asyncio.Event()
    reached = asyncio.Event()

    async def slow(*arguments: object) -> None:
        reached.set()
        await gate.wait()
        await record(*arguments)  # type: ignore[arg-type]

    app._store.workflows.record_move = slow  # type: ignore[method-assign]
    proposing = asyncio.create_task(propose(play, {"tool": "send_email", "args": USUAL}))
    await reached.wait()
    room = play.world.stage.slack.world.team("T0001").channel(CHANNEL)
    play.notes["early cards"] = [each for each in room.messages if "ironclaw_approve" in str(each)]
    value = f"{secrets.token_hex(16)}.1.{secrets.token_hex(16)}"
    button = {"type": "button", "action_id": APPROVE, "block_id": "b", "value": value}
    early = Card("", room, room.messages[-1]["ts"], {APPROVE: button})
    await slack.click(play.world, early, {"user": "U_APP", "action": "approve"}, settle=False)
    gate.set()
    app._store.workflows.record_move = record  # type: ignore[method-assign]
    await proposing


async def cancel(play: Play, step: Json) -> None:
    [workflow_id, *_] = play.world.workflows()
    await slack.command(play.world, step["user"], f"cancel {workflow_id}")


async def http_approve(play: Play, step: Json) -> None:
    approval_id = step.get("id", "{{id}}").replace("{{id}}", play.approval_id)
    claims = {"tenant_id": step.get("jwt_tenant", "T1")}
    claims |= {"sub": step["jwt_sub"]} if "jwt_sub" in step else {}
    claims |= {"roles": step["roles"]} if "roles" in step else {}
    path, body = f"/approve/{quote(approval_id, safe='')}", step.get("body")
    reply = await play.request("POST", path, body, is_anonymous=bool(step.get("no_jwt")), **claims)
    if reply.status == 404:
        unknown = await play.request("POST", f"/approve/{secrets.token_hex(16)}", body, **claims)
        play.notes["unknown"] = play.replies.pop() and unknown.body


async def http(play: Play, step: Json) -> None:
    path = quote(step["path"].replace("{{id}}", play.approval_id), safe="/?&=")
    claims = {"tenant_id": step.get("jwt_tenant", "T1")}
    claims |= {"roles": step["jwt_roles"], "sub": "somebody"} if "jwt_roles" in step else {}
    body = step.get("body", {} if step["method"] == "POST" else None)
    await play.request(step["method"], path, body, tuple(step.get("headers", {}).items()), **claims)


STEPS: dict[str, Step] = {
    each.__name__: each
    for each in (
        *(
            propose,
            propose_variants,
            tool_output,
            agent_says,
            click,
            message,
            replay_last_click,
            replay_click,
        ),
        *(replay_http_raw, parallel, parallel_processes, view_submission, click_before_commit, cancel),
        *(http_approve, http),
    )
}
