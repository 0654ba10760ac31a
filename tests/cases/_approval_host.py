"""Steps that happen to the host: its operator, its clock, its disk, and whoever can write its files."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

from ironclaw.errors import NotAuthorized
from ironclaw.orchestrator import Body
from ironclaw.settings import TenantSettings
from ironclaw.task import Conversation, Move, ProposedCall
from ironclaw.veto import Ticket, tool_call
from ironclaw.veto.tickets import Tickets
from tests.cases import _approval_people as people
from tests.cases._approval_bot import operators_policy
from tests.cases._approval_play import USUAL, WORKSPACE, Play, Step, call_of, only
from tests.cases._approval_slack import Json
from tests.cases._approval_toolbox import known_as, write_toolboxes
from tests.fakes.locker import spoil

# The operator


async def config(play: Play, step: Json) -> None:
    """The list of approvers is empty, or is not there at all."""
    named = {} if step["approvers"] is None else {"approvers": tuple(step["approvers"])}
    await _edit_tenant(
        play, lambda fields: {**{k: v for k, v in fields.items() if k != "approvers"}, **named}
    )


async def revoke(play: Play, step: Json) -> None:
    gone = f":{step['user'].replace('_', '')}"
    await _edit_tenant(
        play,
        lambda fields: {
            **fields,
            "approvers": tuple(name for name in fields["approvers"] if not name.endswith(gone)),
        },
    )


async def _edit_tenant(play: Play, change: Callable[[Json], Json]) -> None:
    old = play.world.tenants["T1"].model_dump(exclude_unset=True)
    play.world.tenants["T1"] = TenantSettings.model_validate(change(old))
    await play.world.change()


async def disable_tenant(play: Play, step: Json) -> None:
    del play.world.tenants["T1"]
    await play.world.change()


async def budget(play: Play, step: Json) -> None:
    await play.world.change(max_steps=step["steps"])


async def policy(play: Play, step: Json) -> None:
    """The operator's policies with one rule more for the tool."""
    tool = f'resource == Tool::"{known_as(step["tool"])}"'
    rules = {
        "forbidden": f'@id("changed") forbid (principal, action, {tool});',
        "low": f'@id("changed") permit (principal, action, {tool});',
    }
    file = play.world.stage.folder / "changed.cedar"
    file.write_text(operators_policy(rules[step["risk"]]), "utf-8")
    await play.world.change(policy_file=file)


async def replace_tool(play: Play, step: Json) -> None:
    write_toolboxes(play.world.stage.folder / "boxes", version=step["sha"])
    await (await play.world.app()).reload()


async def change_manifest(play: Play, step: Json) -> None:
    write_toolboxes(play.world.stage.folder / "boxes", hosts=[f"api.{host}" for host in step["hosts"]])
    await (await play.world.app()).reload()


async def plugin(play: Play, step: Json) -> None:
    """Before policy comes nobody's hook but the brain's: a plugin with a brain rewrites what another says."""
    script = play.world.brain
    plan = script.plan

    async def rewritten(conversation: Conversation) -> Move:
        move = await plan(conversation)
        return Move(calls=tuple(_over(call, step["rewrite"]) for call in move.calls), answer=move.answer)

    script.plan = rewritten  # type: ignore[method-assign]


def _over(call: ProposedCall, words: Json) -> ProposedCall:
    return ProposedCall(call.id, call.tool, json.dumps({**json.loads(call.arguments), **words}))


# What happens to it


async def restart(play: Play, step: Json) -> None:
    await play.world.restart()


async def offline(play: Play, step: Json) -> None:
    await play.world.close()


async def online(play: Play, step: Json) -> None:
    await play.world.start()


async def tick(play: Play, step: Json) -> None:
    play.world.late += step["s"]


async def run_executor(play: Play, step: Json) -> None:
    await play.world.let_go()


async def slack_fail(play: Play, step: Json) -> None:
    play.world.stage.slack.hub.faults.add("api", "error", step["method"], times=1000)


async def audit_fail(play: Play, step: Json) -> None:
    """From the moment of the decision on: before, there would be nothing to approve."""
    await play.world.app()
    with play.world.rows() as c:
        c.execute(
            "CREATE TRIGGER broken BEFORE INSERT ON audit WHEN NEW.event LIKE '%approval_%'"
            " BEGIN SELECT RAISE (ABORT, 'the disk is gone'); END"
        )


#: What makes the bot's own connection unable to write.
BROKEN = {
    "full": "PRAGMA max_page_count = 1",  # SQLite takes it for the pages that there are.
    "readonly": "PRAGMA query_only = ON",
    "locked": "PRAGMA busy_timeout = 1",
}


async def db_fail(play: Play, step: Json) -> None:
    """From now on; what is asked is long enough to need a page of its own."""
    app = await play.world.app()
    await app._store._writer.read(lambda c: spoil(c, BROKEN[step["kind"]]))
    if step["kind"] == "locked":
        other = play.stack.enter_context(closing(sqlite3.connect(play.world.database)))
        other.execute("BEGIN IMMEDIATE")
    play.by_http, play.padding = True, " " + "x" * 15_000


# Whoever can write its files


async def db_update(play: Play, step: Json) -> None:
    """A thief of the file, who knows the schema and not the key."""
    with play.world.rows() as c:
        if "args" in step:
            c.execute("UPDATE tool_calls SET args = ?", (json.dumps({**USUAL, **step["args"]}),))
        if "state" in step:
            c.execute("UPDATE approvals SET state = ?", (step["state"],))
            c.execute("UPDATE tool_calls SET state = ?", (step["state"],))
            c.execute("UPDATE workflows SET state = 'running'")


async def db_update_same_semantics(play: Play, step: Json) -> None:
    with play.world.rows() as c:
        c.execute("UPDATE tool_calls SET args = ?", (step["args_json"],))


async def brain_reemit(play: Play, step: Json) -> None:
    """The brain plans anew with other arguments under the same call id, and the rows are overwritten."""
    words = {"tool": "send_email", "args": {**USUAL, **step["args"]}}
    play.world.brain.moves[play.task].append(only(call_of(words)))
    await db_update(play, step)


async def write_file(play: Play, step: Json) -> None:
    play.world.stage.write("T1", WORKSPACE.sub("", step["path"]), "something else")


async def restore_backup(play: Play, step: Json) -> None:
    """The database as it was before the click, under a bot that starts."""
    await play.world.close()
    play.world.stage.restore(play.world.database)
    await play.world.start()


async def tool_call_writes(play: Play, step: Json) -> None:
    """The brain proposes to write a policy of its own making."""
    app = await play.world.app()
    play.notes["policy"] = app._hooks.policy_version()
    words = {"to": step["path"], "body": "permit (principal, action, resource);"}
    await people.propose(play, {"tool": "shell", "args": words})


async def direct_execute(play: Play, step: Json) -> None:
    """Somebody in the process has the call that waits, and hands it to the executor."""
    await people.propose(play, {"tool": step["tool"], "args": USUAL})
    app = await play.world.app()
    [workflow_id] = play.world.workflows()
    flow, tool = await app._store.workflows.load(workflow_id), app._registry.get(known_as(step["tool"]))
    assert tool is not None
    call = tool_call(flow, 1, tool, flow.calls[0].args, flow.calls[0].circumstances)
    body: Body = app._dispatcher._advance.__self__._carrying._body  # type: ignore[attr-defined]
    forged = Ticket(call, tool, "key", "0" * 32, "0" * 64)
    of_another_key = Tickets(b"not the host's key").mint(call, tool, "key")
    attempts: list[Any] = [None, call, forged, of_another_key]
    play.notes["raised"] = [await _raised(body, attempt) for attempt in attempts]


async def _raised(body: Body, ticket: Any) -> str:
    async def before_effect() -> None:
        raise AssertionError("it was about to act")

    try:
        await body.run(ticket, before_effect)
    except NotAuthorized as error:
        return type(error).__name__
    return "nothing"


STEPS: dict[str, Step] = {
    each.__name__: each
    for each in (
        *(config, revoke, disable_tenant, budget, policy, replace_tool, change_manifest, plugin, restart),
        *(offline, online, tick, run_executor, slack_fail, audit_fail, db_fail, db_update),
        *(db_update_same_semantics, brain_reemit, write_file, restore_backup, tool_call_writes),
        direct_execute,
    )
}
