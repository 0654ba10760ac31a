"""Whether a run left its envelope, and what is said of it."""

from __future__ import annotations

from ironclaw.envelope import FOLDER, GONE, FileEffect
from ironclaw.sandbox.tree import States
from ironclaw.task import FailureKind, ToolFailure, ToolResult

AGAIN = "Propose the call again if it is still needed: people are asked anew."


def stopped(why: str, result: ToolResult, sent: int = 0) -> ToolResult:
    """Of a run that left its envelope.

    :param sent: how many approved requests were sent before
    """
    before = f" {sent} of the approved requests had been sent before." if sent else ""
    text = f"Stopped, and no file was changed: {why}.{before} {AGAIN}"
    return ToolResult(failure=ToolFailure(FailureKind.OUTSIDE_ENVELOPE, text), usage=result.usage)


def outside(files: tuple[FileEffect, ...], before: States, after: States) -> str:
    """The first path that is neither as it was nor as it was approved; "" for none.

    A folder that was made for an approved file is as approved as the file.
    """
    approved = {each.path: each.after for each in files}
    for path in sorted(before.keys() | after.keys()):
        now = after.get(path, GONE)
        if now in (before.get(path, GONE), approved.get(path)):
            continue
        is_new_folder = now == FOLDER and path not in before
        if not (is_new_folder and any(p.startswith(f"{path}/") and a for p, a in approved.items())):
            return path
    return ""
