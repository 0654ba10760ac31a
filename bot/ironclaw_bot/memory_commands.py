"""``ironclaw memory``: what is remembered, why a run knew something, and forgetting it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

from ironclaw.errors import BadRequest
from ironclaw.memory import KINDS, Visibility
from ironclaw.settings import Settings
from ironclaw.showing import in_line
from ironclaw.task import Json
from ironclaw_bot.commanding import Add, OpenDoor
from ironclaw_bot.demo_folder import add_place

SEARCH = {
    "": "Nothing searches them: add memory_qdrant to plugins.",
    "lexical": "Search: lexical memory (BM25: by words).",
    "hybrid": "Search: by words and by meaning.",
}
NOT_SURE = "Nothing was forgotten. Say so with --yes where no terminal is."


def add_memories(add: Add, door: OpenDoor) -> None:
    """Add the verbs of ``memory``."""
    commands = Memories(door)
    _add_looking(add, commands)
    forget = add("forget", commands.forget, "forget for good: rows, index, and what runs were given of it")
    forget.add_argument("ids", nargs="*", metavar="ID")
    forget.add_argument("--person", default="", help="all of one person's: slack:TEAM:USER and so on")
    forget.add_argument("--everything", action="store_true", help="all that the tenant has")
    rollback = add(
        "rollback", commands.rollback, "forget many: what was remembered since then, or from there"
    )
    rollback.add_argument(
        "--since", default="", help="a day or moment, such as 2026-11-22 or 2026-11-22T14:00"
    )
    rollback.add_argument("--source", default="", help="tool, web ..., a workflow's id, or what was read")
    for parser in (forget, rollback):
        parser.add_argument("--yes", action="store_true", help="do not ask")
        add_place(parser)


def _add_looking(add: Add, commands: Memories) -> None:
    make = add("add", commands.add, "remember a fact")
    make.add_argument("text", nargs="+")
    make.add_argument("--for", dest="whom", default="author", choices=[each.value for each in Visibility])
    make.add_argument("--kind", default=KINDS[0], choices=KINDS)
    make.add_argument("--days", type=float, default=0.0, help="how long it is true (default: for ever)")
    make.add_argument("--replaces", default="", metavar="ID", help="the memory whose place it takes")
    show = add("show", commands.show, "show one: its text, where it comes from, whether it is recalled")
    show.add_argument("id")
    why = add("why", commands.why, "say what a run was reminded of")
    why.add_argument("workflow")
    listing = add("list", commands.list, "list your own; as an approver, the tenant's")
    export = add("export", commands.export, "the same as JSON, one in a line")
    reindex = add("reindex", commands.reindex, "make the index anew from the record")
    receipts = add("receipts", commands.receipts, "what was forgotten: how much and when, never what")
    for parser in (make, show, why, listing, export, reindex, receipts):
        add_place(parser)


class Memories:
    """The commands."""

    def __init__(self, door: OpenDoor) -> None:
        self._door = door

    async def add(self, settings: Settings, chosen: argparse.Namespace) -> int:
        words = {name: getattr(chosen, name) for name in ("whom", "kind", "days", "replaces")}
        found = await self._ask(settings, chosen, "add", text=" ".join(chosen.text), **words)
        print(found["sentence"])
        return 0

    async def list(self, settings: Settings, chosen: argparse.Namespace) -> int:
        found = await self._ask(settings, chosen, "list")
        for each in found["memories"]:
            print(*map(in_line, _lines(each)), sep="\n")
        print("There are no memories." if not found["memories"] else SEARCH[found["kind"]])
        return 0

    async def export(self, settings: Settings, chosen: argparse.Namespace) -> int:
        for each in (await self._ask(settings, chosen, "list"))["memories"]:
            print(json.dumps(each))
        return 0

    async def show(self, settings: Settings, chosen: argparse.Namespace) -> int:
        found = await self._ask(settings, chosen, "show", memory_id=chosen.id)
        print(*map(in_line, _everything(found)), sep="\n")
        return 0

    async def why(self, settings: Settings, chosen: argparse.Namespace) -> int:
        found = await self._ask(settings, chosen, "why", workflow_id=chosen.workflow)
        for each in found:
            print(*map(in_line, _reminder(each)), sep="\n")
        if not found:
            print("This run was reminded of nothing: there was no memory yet, or it has not begun.")
        return 0

    async def forget(self, settings: Settings, chosen: argparse.Namespace) -> int:
        wishes = (bool(chosen.ids), bool(chosen.person), chosen.everything)
        if wishes.count(True) != 1:
            raise BadRequest("Name memories by their ids, or one --person, or --everything.")
        if chosen.ids:
            print(await self._ask(settings, chosen, "forget", ids=chosen.ids))
            return 0
        if not _is_sure(chosen, f"Forget all of {chosen.person or 'the tenant'} for good?"):
            return 1
        verb, words = (
            ("forget_person", {"person": chosen.person}) if chosen.person else ("forget_everything", {})
        )
        print(await self._ask(settings, chosen, verb, **words))
        return 0

    async def rollback(self, settings: Settings, chosen: argparse.Namespace) -> int:
        if not chosen.since and not chosen.source:
            raise BadRequest("Say since when, or from which source: --since, --source.")
        words = {"since": _moment(chosen.since), "source": chosen.source}
        found = await self._ask(settings, chosen, "matching", **words)
        for each in found:
            print(*map(in_line, _lines(each)), sep="\n")
        if not found:
            print("No memory is of that kind.")
            return 0
        if not _is_sure(chosen, f"Forget these {len(found)} for good?"):
            return 1
        print(await self._ask(settings, chosen, "roll_back", ids=[each["id"] for each in found]))
        return 0

    async def reindex(self, settings: Settings, chosen: argparse.Namespace) -> int:
        print(f"Indexed: {await self._ask(settings, chosen, 'reindex')} memories.")
        return 0

    async def receipts(self, settings: Settings, chosen: argparse.Namespace) -> int:
        for each in await self._ask(settings, chosen, "receipts"):
            count = f"{each['memories']} memories, {each['places']} other texts"
            print(
                in_line(
                    f"{each['at']}  {each['id']}  {count}, {each['why']} by {each['by']}  {each['digest']}"
                )
            )
        return 0

    async def _ask(self, settings: Settings, chosen: argparse.Namespace, verb: str, **words: Json) -> Json:
        async with self._door(settings, begins=verb == "add") as door:
            return await door.ask("memories", tenant=chosen.tenant, verb=verb, **words)


def _is_sure(chosen: argparse.Namespace, question: str) -> bool:
    if chosen.yes:
        return True
    if sys.stdin.isatty() and input(f"{question} [y/N] ").strip().lower() in ("y", "yes"):
        return True
    print(NOT_SURE, file=sys.stderr)
    return False


def _moment(typed: str) -> float:
    """
    :raises BadRequest: it is no moment
    """
    if not typed:
        return 0.0
    try:
        found = datetime.fromisoformat(typed)
    except ValueError:
        raise BadRequest(f"{typed!r} is no day or moment: 2026-11-22, or 2026-11-22T14:00 (UTC).") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _lines(memory: Json) -> Iterator[str]:
    yield f"{memory['id']}  {memory['text']}"
    whom = memory["for"] + (f" {memory['place']}" if memory["place"] else "")
    yield f"    by {memory['by']}, for {whom}, {memory['created_at']}, {memory['standing']}"


def _everything(memory: Json) -> Iterator[str]:
    yield from _lines(memory)
    vouched = f", approved by {memory['approved_by']}" if memory["approved_by"] else ""
    yield f"    {memory['kind']}, from {memory['source']} {memory['source_ref']}{vouched}"
    if memory["taint"]:
        yield f"    read before it was proposed: {', '.join(memory['taint'])}"
    if memory["expires_at"]:
        yield f"    until {memory['expires_at']}"
    yield from (f"    ! {each}" for each in memory["oddities"])
    yield f"    sha256 {memory['sha256']}"


def _reminder(recall: Json) -> Iterator[str]:
    asked = "before its first step" if recall["asked_by"] == "plan" else f"by {recall['asked_by']}"
    if not recall["id"]:
        yield f"{recall['at']}  nothing, {asked}. {recall['problem']}".strip()
    elif recall["memory"] is None:
        yield f"{recall['at']}  {recall['id']}, {asked}: forgotten since"
    else:
        yield f"{recall['at']}  {recall['id']}, {asked}: {recall['memory']['text']}"
