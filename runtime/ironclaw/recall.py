"""The port to what finds memories again.  An index is no record: the rows are, and it follows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Indexed:
    """What an index is given of one memory: it keeps the id, and never the text."""

    id: str
    text: str


class MemoryIndex(Protocol):
    """One tenant's, and no method takes another's name or a filter."""

    async def put(self, memories: Sequence[Indexed]) -> tuple[str, ...]:
        """Have these found from now on; durable when it returns.  The same one again changes nothing.

        :return: ids of those that are found by their words only, as their meaning could not be had just now;
            put them again later.  None where nothing is found by its meaning at all
        :raises IndexUnavailable: it could not; nobody knows which of them it has
        """
        ...

    async def remove(self, ids: Sequence[str]) -> None:
        """Have these found no more, and leave no trace of them in any file; those it lacks change nothing.

        :raises IndexUnavailable: as :meth:`put`
        """
        ...

    async def search(self, words: str, limit: int) -> tuple[str, ...]:
        """Ids of what fits, best first.  Whoever asks reads each back from the rows, and drops what is gone.

        :param words: any text, of any length
        :raises IndexUnavailable: it cannot be asked now
        """
        ...

    async def count(self) -> int:
        """How many it has.

        :raises IndexUnavailable: it cannot be asked now
        """
        ...

    async def clear(self) -> None:
        """Remove all of it, of other versions too, from its files too; also where it cannot be read any more.

        :raises IndexUnavailable: some of it may still be there
        """
        ...


class MemoryIndexes(Protocol):
    """Every tenant's index."""

    @property
    def kind(self) -> str:
        """What people are told that search is by now: "lexical" or "hybrid"."""
        ...

    @property
    def version(self) -> str:
        """Names place, model, dimensions and analysis: what another version has is to be indexed anew."""
        ...

    def of(self, tenant: str) -> MemoryIndex:
        """
        :raises ValueError: no tenant is named
        """
        ...

    async def close(self) -> None:
        """Let go of files and connections, once what is under way has ended."""
        ...
