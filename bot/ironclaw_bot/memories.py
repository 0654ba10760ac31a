"""Memory at the doors: what "remember ..." means, and what the command line does with memories."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ironclaw.app import Ironclaw
from ironclaw.app.memories import Kept, Shown
from ironclaw.errors import BadRequest, IndexUnavailable, StoreError
from ironclaw.memory import Visibility
from ironclaw.store.memories import Receipt
from ironclaw.task import Json, Principal

WHOM = {
    Visibility.EVERYBODY: "everybody here",
    Visibility.CHANNEL: "whoever asks in this channel",
    Visibility.AUTHOR: "you alone",
}
LEFT = "It is forgotten, but {why}"
_FOR = {
    "everybody": Visibility.EVERYBODY,
    "everyone": Visibility.EVERYBODY,
    "all": Visibility.EVERYBODY,
    "me": Visibility.AUTHOR,
    "this channel": Visibility.CHANNEL,
    "the channel": Visibility.CHANNEL,
}
#: ``remember [for everybody:] [that] TEXT``
_WISH = re.compile(
    rf"remember(?:\s+for\s+({'|'.join(_FOR)})\s*[:,]?|\s*:)?\s+(?:that\s+)?(\S.*)", re.IGNORECASE | re.DOTALL
)
#: What begins so is no fact: a question, or something to be done.
_TASK = re.compile(r"(?:to|when|how|what|who|why|where|if)\s|.*\?\s*$", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Wished:
    """What somebody wants remembered."""

    text: str
    visibility: Visibility | None  #: None where they do not say for whom.


def wished(text: str) -> Wished | None:
    """What is to be remembered, or None for what is a task."""
    found = _WISH.fullmatch(text.strip())
    if found is None or _TASK.match(found[2]):
        return None
    return Wished(found[2], _FOR[found[1].lower()] if found[1] else None)


def kept_sentence(kept: Kept) -> str:
    """What is said of something that is remembered now; nothing of its text."""
    memory = kept.memory
    first = "Remembered" if kept.is_new else "That was remembered before"
    whom = WHOM[memory.visibility]
    return " ".join([f"{first} for {whom}, as {memory.id}.", *map(_as_it_is, kept.oddities)])


def _as_it_is(oddity: str) -> str:
    return oddity.replace("would be recalled", "is recalled")


def forgotten_sentence(receipt: Receipt) -> str:
    """What is said of what was forgotten."""
    count = f"{receipt.memories} {'memory' if receipt.memories == 1 else 'memories'}"
    places = f"{receipt.places} other {'text' if receipt.places == 1 else 'texts'}"
    return f"Forgotten: {count}, taken out of {places} too. Receipt {receipt.id}."


def shown(found: Shown) -> Json:
    """A memory as JSON."""
    memory = found.memory
    return {
        "id": memory.id,
        "text": memory.text,
        "kind": memory.kind,
        "by": memory.subject_user,
        "for": memory.visibility.value,
        "place": memory.place,
        "source": memory.source.value,
        "source_ref": memory.source_ref,
        "trust": memory.trust,
        "taint": sorted(memory.taint),
        "approved_by": memory.approved_by,
        "created_at": moment(memory.created_at),
        "expires_at": moment(memory.expires_at),
        "superseded_by": memory.superseded_by,
        "sha256": memory.sha256,
        "standing": standing(found),
        "oddities": list(found.oddities),
    }


def standing(found: Shown) -> str:
    """Whether a run may be reminded of it, in words."""
    if not found.is_genuine:
        return "edited behind our back: no run is reminded of it"
    if found.memory.superseded_by:
        return f"superseded by {found.memory.superseded_by}"
    return "recalled" if found.is_live else "expired"


def moment(at: float) -> str:
    """ISO 8601, UTC; "" for never."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds") if at else ""


@dataclass(frozen=True, slots=True)
class Rememberer:
    """What ``ironclaw memory`` asks, on behalf of one local person."""

    app: Ironclaw
    principal: Principal

    async def do(self, verb: str, **words: Any) -> Json:
        """
        :raises BadRequest: no such verb, or what the verb raises
        """
        verbs: Mapping[str, Callable[..., Awaitable[Json]]] = {
            "add": self._add,
            "list": self._list,
            "show": self._show,
            "why": self._why,
            "forget": self._forget,
            "forget_person": self._forget_person,
            "forget_everything": self._forget_everything,
            "matching": self._matching,
            "roll_back": self._roll_back,
            "reindex": self._reindex,
            "receipts": self._receipts,
        }
        if verb not in verbs:
            raise BadRequest("Memories can be added, listed, shown, forgotten, exported and reindexed.")
        return await verbs[verb](**words)

    async def _add(self, text: str, whom: str, kind: str, days: float, replaces: str) -> Json:
        kept = await self.app.memories.remember(
            self.principal,
            text,
            Visibility(whom),
            kind=kind,
            days=days,
            said_at="command line",
            replaces=replaces,
        )
        return {"id": kept.memory.id, "sentence": kept_sentence(kept)}

    async def _list(self) -> Json:
        found = await self.app.memories.list(self.principal)
        return {"kind": self.app.memories.indexing.kind, "memories": [shown(each) for each in found]}

    async def _show(self, memory_id: str) -> Json:
        return shown(await self.app.memories.show(self.principal, memory_id))

    async def _why(self, workflow_id: str) -> Json:
        found = await self.app.memories.why(self.principal, workflow_id)
        return [
            {
                "at": moment(recall.at),
                "asked_by": recall.asked_by,
                "id": recall.memory_id,
                "problem": recall.problem,
                "memory": shown(there) if there else None,
            }
            for recall, there in found
        ]

    async def _forget(self, ids: list[str]) -> Json:
        return await _said_of(self.app.memories.forget(self.principal, ids))

    async def _forget_person(self, person: str) -> Json:
        return await _said_of(self.app.memories.forget_person(self.principal, person))

    async def _forget_everything(self) -> Json:
        return await _said_of(self.app.memories.forget_everything(self.principal))

    async def _matching(self, since: float, source: str) -> Json:
        return [shown(each) for each in await self.app.memories.matching(self.principal, since, source)]

    async def _roll_back(self, ids: list[str]) -> Json:
        return await _said_of(self.app.memories.roll_back(self.principal, ids))

    async def _reindex(self) -> Json:
        return await self.app.memories.reindex(self.principal)

    async def _receipts(self) -> Json:
        found = await self.app.memories.receipts(self.principal)
        return [
            {
                "id": each.id,
                "at": moment(each.at),
                "by": each.actor,
                "why": each.why,
                "memories": each.memories,
                "places": each.places,
                "digest": each.digest,
            }
            for each in found
        ]


async def _said_of(forgetting: Awaitable[Receipt]) -> str:
    try:
        return forgotten_sentence(await forgetting)
    except (IndexUnavailable, StoreError) as late:
        return LEFT.format(why=late)
