"""Tenants apart: their ids, their paths, their files, their vectors, and what all of them share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from tests.cases import _tenant_files, _tenant_ids, _tenant_memory, _tenant_state

FILE = "tenant_isolation_cases.json"
Case = Mapping[str, str]
Open = Callable[[], Any]
#: By category: opens what its cases are played in, which plays one and says what went wrong, or None.
PLAYS: dict[str, Open] = {
    "tenant_id": _tenant_ids.opened,
    "guest_path": _tenant_files.opened,
    "fs_behaviour": _tenant_files.opened,
    "vector_memory": _tenant_memory.opened,
    "shared_state": _tenant_state.opened,
}
Play = Callable[[Case], Awaitable[str | None]]


async def cases(data: dict[str, Any]) -> AsyncIterator[tuple[str, str | None]]:
    """(case id, None or what went wrong) for each case of the file."""
    for opened in dict.fromkeys(PLAYS.values()):
        mine = [case for case in data["cases"] if PLAYS.get(case["cat"]) is opened]
        async with opened() as play:
            for case in mine:
                yield case["id"], await played(play, case)
    for case in data["cases"]:
        if case["cat"] not in PLAYS:
            yield case["id"], f"nobody plays {case['cat']}"


async def played(play: Play, case: Case) -> str | None:
    """What went wrong; a case that raises is one that went wrong."""
    try:
        return await play(case)
    except Exception as error:  # noqa: BLE001  # the others are played all the same
        return f"{type(error).__name__}: {error}"
