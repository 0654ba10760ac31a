"""What waits for people, in lines for the command line; and what to type next."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from datetime import datetime

from ironclaw.deciders import NOBODY
from ironclaw.showing import in_line, json_in_line
from ironclaw.task import Json
from ironclaw.terms import Terms
from ironclaw_bot.demo_folder import DEMO
from ironclaw_bot.hints import called
from ironclaw_bot.local import login_name
from ironclaw_bot.policy.telling import terms

VERBS = {"approve": "approved", "deny": "denied"}


def listed(approval: Json) -> Iterator[str]:
    """One approval: what would run, who asked, what it needs, who has decided, and who may.

    Nothing in it steers a terminal, whoever wrote it.
    """
    return map(in_line, _listed(approval))


def asked(approval: Json, gap: str = " ") -> str:
    """The call as it would run, in one line of printable ASCII."""
    return f"{json_in_line(approval['tool'])}{gap}{json_in_line(approval['args'])}"


def _listed(approval: Json) -> Iterator[str]:
    yield f"{approval['id']}  {asked(approval, '  ')}"
    verb = "scheduled by" if approval["scheduled"] else "asked by"
    yield f"    {verb} {approval['requester']}, until {_moment(approval['expires_at'])}"
    yield f"    rule {approval['rule']}, {approval['risk']} risk: {terms(Terms.from_json(approval['terms']))}"
    yield f"    digest {approval['action_sha256']}"
    yield from (f"    {_vote(vote)}" for vote in approval["votes"])
    yield f"    {_who(approval['deciders'])}"
    yield from (f"    {line}" for line in approval["effects"])
    if approval["problem"]:
        yield f"    Nobody knows what it will do: {approval['problem']}"


def next_step(result: Json, chosen: argparse.Namespace) -> str:
    """What to type about a workflow that waits, or why nobody can approve it."""
    approval = result["approval"]
    deciders = approval["deciders"]
    if deciders["problem"]:
        back = called("deny", approval["id"], *same_place(chosen))
        return f"{deciders['problem']}{_lines(result)}\nTo take it back: {back}"
    code = ["--code", "123456"] if approval["terms"]["step_up"] else []
    run = called("approve", approval["id"], *code, *same_place(chosen))
    if deciders["groups"] or approval["terms"]["quorum"] > 1:
        return f"Waiting for {deciders['words']}. Who decides runs: {run}"
    return f"An approver runs: {run}"


def _lines(result: Json) -> str:
    """What to write so that whoever types this may decide, where nobody may."""
    tenant = result.get("tenant")
    if result["approval"]["deciders"]["problem"] != NOBODY.format(tenant=tenant):
        return ""
    me = f"local:{login_name(os.getuid())}"
    lines = (f"[tenants.{tenant}]", f'approvers = ["{me}"]', "self_approval = true")
    return "\nSo that you may, also what you asked for yourself, these lines:\n" + "\n".join(lines)


def same_place(chosen: argparse.Namespace) -> list[object]:
    """The options with which another command gets to the same tenant of the same bot."""
    tenant = ["--tenant", chosen.tenant] if chosen.tenant else []
    demo = [] if chosen.demo is None else ["--demo"] if chosen.demo == DEMO else ["--folder", chosen.demo]
    return [*tenant, *demo]


def _who(deciders: Json) -> str:
    return deciders["problem"] or f"may decide: {deciders['words']}"


def _vote(vote: Json) -> str:
    factor = f" with {vote['factor']}" if vote["factor"] else ""
    return f"{VERBS[vote['decision']]} by {vote['by']}, {_moment(vote['at'])}{factor}"


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M")
