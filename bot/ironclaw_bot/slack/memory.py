"""``/ironclaw memory`` and ``remember ...``: what is remembered, seen by whoever asks."""

from __future__ import annotations

from collections.abc import Sequence

from ironclaw.app import Ironclaw
from ironclaw.app.memories import Shown
from ironclaw.errors import BadRequest, IndexUnavailable, NotFound, Refused, StoreError
from ironclaw.memory import Visibility, place_of
from ironclaw.task import Address, Json, Principal
from ironclaw_bot.memories import (
    LEFT,
    WHOM,
    Wished,
    forgotten_sentence,
    kept_sentence,
    standing,
    wished,
)
from ironclaw_bot.slack import drawings, tasks
from ironclaw_bot.slack.blocks import Drawing, context, drawing, section
from ironclaw_bot.slack.drawings import LISTED
from ironclaw_bot.slack.text import code, escape, moment, one_line, person

NONE = "There are no memories of yours here."
VERBS = "memory list, memory show ID, memory forget ID, memory forget mine, memory why WORKFLOW"
SEARCH = {
    "": "Nothing searches them.",
    "lexical": "Lexical memory: found by words.",
    "hybrid": "Found by words and meaning.",
}


async def remembered(
    app: Ironclaw, principal: Principal, wish: Wished, address: Address, said_at: str
) -> str:
    """Keep what somebody has said, for the place that they said it in where they name nobody.

    :return: what to answer; nothing of the text
    """
    place = place_of("slack", address)
    is_direct = address.place.get("channel_type") == "im" or not place
    usual = Visibility.AUTHOR if is_direct else Visibility.CHANNEL
    try:
        kept = await app.memories.remember(
            principal, wish.text, wish.visibility or usual, place, said_at=said_at
        )
    except (BadRequest, NotFound, Refused) as problem:
        return str(problem)
    return kept_sentence(kept)


class MemoryCommands:
    """What the two words do."""

    def __init__(self, app: Ironclaw, command: str) -> None:
        self._app = app
        self._command = command

    async def remember(self, principal: Principal, body: Json, rest: str) -> Drawing:
        """``/ironclaw remember TEXT``."""
        heard = tasks.heard_command(body, rest)
        wish = wished(f"remember {heard.text}") or Wished(heard.text, None)
        address = Address("slack", dict(heard.place))
        return drawings.said(escape(await remembered(self._app, principal, wish, address, "slash command")))

    async def memory(self, principal: Principal, body: Json, rest: str) -> Drawing:
        """``/ironclaw memory VERB``."""
        verb, _, what = rest.partition(" ")
        what = what.strip().strip("`")
        verbs = {
            "list": self._list,
            "": self._list,
            "show": self._show,
            "forget": self._forget,
            "why": self._why,
        }
        reply = verbs.get(verb.lower())
        if reply is None:
            return drawings.said(
                f"There is no {code(f'{self._command} memory {verb}')}, but: {escape(VERBS)}."
            )
        try:
            return await reply(principal, what)
        except (BadRequest, NotFound, Refused) as problem:
            return drawings.said(escape(str(problem)))
        except (IndexUnavailable, StoreError) as late:
            return drawings.said(escape(LEFT.format(why=late)))

    async def _list(self, principal: Principal, what: str) -> Drawing:
        found = await self._app.memories.list(principal)
        return listing(found, self._app.memories.indexing.kind, self._command)

    async def _show(self, principal: Principal, what: str) -> Drawing:
        found = await self._app.memories.show(principal, what)
        sentence = one_line(found.memory.text, 600)
        notes = [_small(found), escape(standing(found)), *map(escape, found.oddities)]
        return drawing("One memory", [section(sentence), context(" · ".join(notes))])

    async def _forget(self, principal: Principal, what: str) -> Drawing:
        if what.lower() == "mine":
            receipt = await self._app.memories.forget_person(principal, principal.id)
        else:
            receipt = await self._app.memories.forget(principal, [what])
        return drawings.said(escape(forgotten_sentence(receipt)))

    async def _why(self, principal: Principal, what: str) -> Drawing:
        found = await self._app.memories.why(principal, what)
        lines = [_reminder(recall.memory_id, recall.problem, there) for recall, there in found]
        return drawings.said("\n".join(lines) or "This run was reminded of nothing.")


def listing(found: Sequence[Shown], kind: str, command: str) -> Drawing:
    """The reply to ``memory list``: newest first."""
    if not found:
        return drawing(NONE, [section(NONE)])
    blocks = [section("*Memories*"), *(section("\n".join(_lines(each))) for each in found[:LISTED])]
    more = f"and {len(found) - LISTED} more. " if len(found) > LISTED else ""
    end = code(f"{command} memory forget ID")
    blocks.append(context(f"{more}{SEARCH[kind]} To forget one: {end}"))
    return drawing("Memories", blocks)


def _lines(each: Shown) -> list[str]:
    return [
        f"{one_line(each.memory.text, 300)} · {code(each.memory.id)}",
        f"{_small(each)} · {escape(standing(each))}",
    ]


def _small(each: Shown) -> str:
    memory = each.memory
    whom = "its author" if memory.visibility is Visibility.AUTHOR else WHOM[memory.visibility]
    return f"by {person(memory.subject_user)}, {moment(memory.created_at)}, for {escape(whom)}"


def _reminder(memory_id: str, problem: str, there: Shown | None) -> str:
    if not memory_id:
        return escape(f"Nothing was recalled. {problem}".strip())
    return f"{code(memory_id)} " + (one_line(there.memory.text, 300) if there else "forgotten since")
