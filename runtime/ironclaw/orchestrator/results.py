"""Results that are too long for the brain: kept in the tenant's folder, to be read on there in parts.

The host writes there by descriptors and follows no link: whatever tools have put into the folder, nothing
outside of it is touched.  What is read on later is a file that any tool may have changed since; it is as
untrusted as the result was.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import structlog

from ironclaw.capabilities import Quota
from ironclaw.orchestrator.summarising import shortened
from ironclaw.sandbox.contents import SCRATCH
from ironclaw.sandbox.folders import identity
from ironclaw.sandbox.quota import count
from ironclaw.sandbox.tree import Tree
from ironclaw.task import Json, ToolFailure

log = structlog.get_logger(__name__)

FOLDER = ".results"  #: In a tenant's folder.
SPOOL = ".kept-"  #: Before a tenant's id, beside its folder: bytes on their way into it.
READER = "files.read"  #: The tool that reads files in parts.
PART = 12_000  #: Bytes to ask it for at once.
WHOLE = 4  #: What is read on is given whole up to so many times the size that others are.
MOST_KEYS, SHORT = 20, 60  #: Members of an object that are named, and characters of their names and values.
_KEPT = re.compile(rf"{re.escape(FOLDER)}/([0-9a-f-]{{1,64}})/([0-9]{{1,9}})\.json")


class Results:
    """Keeps what is too long, and says where."""

    def __init__(self, scratch_root: Path, quota: Callable[[str], Quota]) -> None:
        """:param quota: of a tenant's folder"""
        self._root = scratch_root
        self._quota = quota

    async def preview(self, tenant: str, workflow_id: str, seq: int, output: str, most: int) -> Json:
        """What the brain is given in the place of a long output.

        :param output: JSON text
        :param most: bytes of an output that is given whole
        """
        path = f"{FOLDER}/{workflow_id}/{seq}.json"
        try:
            is_kept = await asyncio.to_thread(self._keep, tenant, path, output.encode())
        except OSError as error:
            log.warning("result_not_kept", tenant=tenant, workflow=workflow_id, seq=seq, why=error.strerror)
            is_kept = False
        return {**_about(output, most), **(_way_on(path) if is_kept else LOST)}

    async def forget(self, tenant: str, workflow_id: str) -> None:
        """Remove what a workflow has kept.

        :raises OSError: it cannot be removed, or is no folder of files
        """
        await asyncio.to_thread(self._remove, tenant, f"{FOLDER}/{workflow_id}")

    def _keep(self, tenant: str, path: str, content: bytes) -> bool:
        """:raises OSError: something in the folder is not as the host makes it"""
        folder = self._root / tenant
        identity(folder)
        used, quota = count(folder, self._quota(tenant)), self._quota(tenant)
        if used.is_over(quota) or used.bytes + len(content) > quota.bytes or used.files + 3 > quota.files:
            return False
        spool = self._root / f"{SPOOL}{tenant}.{path.replace('/', '-')}"
        with Tree.at(folder) as tree:
            tree.put(path, content, is_new=False, spool=spool)
        return True

    def _remove(self, tenant: str, path: str) -> None:
        try:
            with Tree.at(self._root / tenant) as tree:
                tree.remove_all(path)
        except FileNotFoundError:
            return  # It never kept any.


LOST = {"note": "The rest of it is not kept: the workspace is full, or cannot take it. Ask for less at once."}
UNREAD = {
    "note": f"The rest of it cannot be seen: {READER} is not among the tools of this task. Ask for less."
}


def _way_on(path: str) -> Json:
    note = f"Read on with {READER}: this path, limit {PART}, and offset, in bytes."
    return {"path": path, "note": note}


def _about(output: str, most: int) -> Json:
    """Its beginning and its end, how long it is and of what kind."""
    head, tail = most // 6, most // 24
    return {
        "preview": True,
        "head": output[:head],
        "tail": output[len(output) - tail :],
        "bytes": len(output.encode()),
        **_kind(output),
    }


def cut(output: str, most: int) -> Json:
    """What the brain is given of an output that nobody may keep for it."""
    return {**_about(output, most), **UNREAD}


def cut_failure(failure: ToolFailure, most: int) -> ToolFailure:
    """With a message that is not endless."""
    return ToolFailure(failure.kind, shortened(failure.message, most))


def _kind(output: str) -> Json:
    """What it is; of an object the members that are short, such as where its own next part begins."""
    try:
        found: Json = json.loads(output)
    except (ValueError, RecursionError):
        return {"kind": "JSON"}
    if isinstance(found, dict):
        keys = ", ".join(shortened(key, SHORT) for key in list(found)[:MOST_KEYS])
        return {"kind": f"an object with {len(found):,} members: {keys}", "members": dict(_short(found))}
    if isinstance(found, list):
        return {"kind": f"a list of {len(found):,}"}
    return {"kind": f"a text of {len(found):,} characters" if isinstance(found, str) else "JSON"}


def _short(members: dict[str, Json]) -> Iterator[tuple[str, Json]]:
    for key, value in list(members.items())[:MOST_KEYS]:
        is_plain = value is None or isinstance(value, str | int | float)
        if is_plain and len(key) + len(str(value)) <= SHORT * 2:
            yield key, value


def named(args: str) -> Iterator[tuple[str, int]]:
    """(workflow, seq) of each kept result that arguments name; ("", 0) for what is in that folder otherwise.

    :param args: canonical JSON text
    """
    for value in json.loads(args).values():
        path = _plain(value) if isinstance(value, str) else ""
        if path == FOLDER or path.startswith(f"{FOLDER}/"):
            found = _KEPT.fullmatch(path)
            yield (found[1], int(found[2])) if found else ("", 0)


def _plain(path: str) -> str:
    """The path as the host writes it, however it is written."""
    parts: list[str] = []
    for part in path.removeprefix(SCRATCH).split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)
