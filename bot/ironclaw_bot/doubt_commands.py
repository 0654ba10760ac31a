"""``ironclaw doubts`` and ``ironclaw settle``: whether a call ran that a crash interrupted."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from datetime import datetime

from ironclaw.errors import StepUpNeeded
from ironclaw.settings import Settings
from ironclaw.showing import in_line
from ironclaw.task import Json
from ironclaw_bot.commanding import Add, OpenDoor, Told
from ironclaw_bot.demo_folder import add_place
from ironclaw_bot.hints import called
from ironclaw_bot.waiting import asked, same_place

ONCE_MORE = "As soon as enough people say so it runs once more; this waits for what comes of it."
SAID = {"ran": "it ran", "not_run": "it did not run"}


def add_doubts(add: Add, door: OpenDoor, told: Told) -> None:
    """Add ``doubts`` and ``settle``."""
    commands = Doubts(door, told)
    listing = add("doubts", commands.list, "list calls of which nobody knows whether they ran")
    listing.add_argument("--full", action="store_true", help="with keys, hosts and what the audit log says")
    settle = add("settle", commands.settle, "say whether such a call ran, once you have looked")
    settle.add_argument("id")
    settle.add_argument("said", choices=("ran", "not-run"))
    settle.add_argument("--code", default="", help="of your authenticator app, where a rule asks for one")
    settle.add_argument("--wait", type=float, default=600, help=argparse.SUPPRESS)
    for parser in (listing, settle):
        add_place(parser)


class Doubts:
    """The commands."""

    def __init__(self, door: OpenDoor, told: Told) -> None:
        self._door = door
        self._told = told

    async def list(self, settings: Settings, chosen: argparse.Namespace) -> int:
        async with self._door(settings) as door:
            found = await door.ask("doubts", tenant=chosen.tenant)
        for each in found:
            print(*map(in_line, listed(each, full=chosen.full)), sep="\n")
        if not found:
            print("Of every call it is known whether it ran.")
        return 0

    async def settle(self, settings: Settings, chosen: argparse.Namespace) -> int:
        said = chosen.said.replace("-", "_")
        words = {"tenant": chosen.tenant, "doubt_id": chosen.id, "said": said}
        async with self._door(settings) as door:
            if said == "not_run":
                print(ONCE_MORE, file=sys.stderr, flush=True)
            try:
                result = await door.ask("settle", **words, code=chosen.code, wait=chosen.wait)
            except StepUpNeeded as needed:
                raise StepUpNeeded(f"{needed} Run it again with --code 123456.") from None
        return self._told(result, chosen)


def listed(doubt: Json, *, full: bool = False) -> Iterator[str]:
    """One doubt: what was begun, what is known of it, and who may say."""
    yield f"{doubt['id']}  {asked(doubt, '  ')}"
    yield f"    asked by {doubt['requester']}, effect {doubt['effect']}, begun {_moment(doubt['begun_at'])}"
    left = doubt["effect_begun_at"]
    yield f"    a changing request {'was about to leave at ' + _moment(left) if left else 'had not left'}"
    for told in doubt["testimonies"]:
        yield f"    {told['by']} says that {SAID[told['said']]}, {_moment(told['at'])}"
    yield f"    may say: {doubt['deciders']}"
    if full:
        yield from _all(doubt)


def next_step(doubt: Json, chosen: argparse.Namespace) -> str:
    """What to type about a workflow that waits for somebody's word."""
    look = called("doubts", "--full", *same_place(chosen))
    ran, not_run = (called("settle", doubt["id"], said, *same_place(chosen)) for said in ("ran", "not-run"))
    return (
        f"Interrupted: nobody knows whether {doubt['tool']} ran. What is known: {look}\n"
        f"Once you have looked, one of {doubt['deciders']} runs: {ran}\nor: {not_run}"
    )


def _all(doubt: Json) -> Iterator[str]:
    yield f"    workflow {doubt['workflow_id']}, call {doubt['seq']}, attempt {doubt['attempt']}"
    yield f"    idempotency key {doubt['idempotency_key']}-1 for the first changing request"
    yield f"    hosts {', '.join(doubt['hosts']) or 'none'}"
    yield from (f"    {_moment(each['at'])} {each['event']} by {each['actor']}" for each in doubt["events"])


def _moment(seconds: float | None) -> str:
    if seconds is None:
        return "at an unknown time"
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")
