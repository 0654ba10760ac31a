"""What rows of memories mean."""

from __future__ import annotations

import json

from ironclaw.memory import Memory, Source, Visibility
from ironclaw.store.sql import Row


def memory_of(row: Row) -> Memory:
    """A row as a memory; whoever believes it asks for its seal."""
    return Memory(
        id=row["id"],
        tenant=row["tenant"],
        subject_user=row["subject_user"],
        visibility=Visibility(row["visibility"]),
        text=row["text"],
        source=Source(row["source"]),
        created_at=row["created_at"],
        place=row["place"],
        kind=row["kind"],
        source_ref=row["source_ref"],
        taint=frozenset(json.loads(row["taint"])),
        expires_at=row["expires_at"],
        superseded_by=row["superseded_by"],
        approved_by=row["approved_by"],
        index_version=row["index_version"],
        mac=row["mac"],
        is_outlived=bool(row["is_outlived"]),
    )


def columns(memory: Memory) -> dict[str, object]:
    """A memory as a row, but for the index that has it."""
    same = ("tenant", "id", "subject_user", "place", "kind", "text", "source_ref", "trust", "created_at")
    more = ("expires_at", "superseded_by", "sha256", "approved_by", "mac")
    enums = {"visibility": memory.visibility.value, "source": memory.source.value}
    return {
        **{name: getattr(memory, name) for name in (*same, *more)},
        **enums,
        "taint": json.dumps(sorted(memory.taint)),
    }
