"""What was judged, as a file of cases: `policy test` then shows what another policy would change."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from ironclaw.errors import BadRequest
from ironclaw.store import JudgedCall

#: Refusals that are not policy's: the same call at another time is judged.
NOT_POLICY = frozenset({"not-on-allowlist", "not-showable", "denied-before", "too-many-cards"})
HEAD = """# What was judged, and what came of it.  Keep it as you keep the database: it holds arguments.
# `ironclaw policy test` says what would be another verdict now.
"""


def recorded(calls: Iterable[JudgedCall]) -> str:
    """The calls as a file of cases."""
    found = ["\n".join(_case(call)) for call in calls if call.rule not in NOT_POLICY]
    if not found:
        raise BadRequest("Nothing was judged yet: there is nothing to record.")
    return "\n\n".join([HEAD, *found]) + "\n"


def write(file: Path, text: str) -> None:
    """Make the file, readable by its owner alone.

    :raises BadRequest: it is there already
    """
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise BadRequest(f"{file} is there already; name another file.") from None
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)


def _case(call: JudgedCall) -> Iterator[str]:
    yield "[[case]]"
    yield f"name = {_text(call.name)}"
    yield f"tool = {_text(call.tool)}"
    yield f"args = {_text(call.args)}"
    yield f"as = {_text(call.requester)}"
    yield f"tenant = {_text(call.tenant)}"
    yield f"door = {_text(call.door)}"
    yield f"channel = {_text(call.circumstances.channel)}"
    yield f"tainted = [{', '.join(map(_text, sorted(call.circumstances.taint)))}]"
    if call.circumstances.scheduled:
        yield "scheduled = true"
    yield f"at = {datetime.fromtimestamp(call.at, UTC).isoformat(timespec='seconds')}"
    yield f"expect = {_text(call.verdict)}"


def _text(value: str) -> str:
    """A TOML string: JSON's, but for DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
