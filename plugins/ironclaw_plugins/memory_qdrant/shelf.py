"""The port between what all indexes have in common and where the points are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

Meaning = tuple[float, ...]
PREFETCH = 50  #: Of each kind, before both are fused.
RRF_K = 1  #: The engines' own 2, or the usual 60, halve how often a paraphrase finds its memory first.
WEIGHTS = (2.0, 1.0)  #: Meaning, words.
DENSE, SPARSE = "dense", "lexical"


@dataclass(frozen=True, slots=True)
class Entry:
    """One memory on its way into the index.

    :ivar meaning: None where it is not known, or not now
    """

    id: str
    text: str
    meaning: Meaning | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for.

    :ivar text: not blank
    :ivar meaning: None to go by the words alone
    """

    text: str
    limit: int
    meaning: Meaning | None = None


class Shelf(Protocol):
    """Where points are.  Every call names a tenant, which is an id and not empty, and sees that one's only.

    All raise IndexUnavailable where it cannot be done.
    """

    async def put(self, tenant: str, entries: Sequence[Entry]) -> None:
        """Durable when it returns.  One that it has keeps its meaning where the new one comes without."""
        ...

    async def remove(self, tenant: str, ids: Sequence[str]) -> None: ...

    async def search(self, tenant: str, wanted: Wanted) -> tuple[str, ...]:
        """Ids of memories, best first; those that fit as well in the order of their ids."""
        ...

    async def count(self, tenant: str) -> int: ...

    async def clear(self, tenant: str) -> None: ...

    async def close(self) -> None: ...


def ranked(hits: Sequence[tuple[float, str]]) -> tuple[str, ...]:
    """Best first.  Engines part ties as it happens; here the ids do."""
    return tuple(row for _, row in sorted(hits, key=lambda hit: (-hit[0], hit[1])))
