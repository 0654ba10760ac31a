"""Holds a tried call against its preview: what people would approve must be what it does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ironclaw.capabilities import HttpRequest
from ironclaw.envelope import Preview
from ironclaw.errors import EgressDenied
from ironclaw.orchestrator.dry_run import LIMITS, foretold
from ironclaw.orchestrator.holding import Requests, outside
from ironclaw.sandbox import Call, Sandbox
from ironclaw.sandbox.tree import IS_POSSIBLE, States, Tree
from ironclaw_bot.authoring.stage import Stage


class Foretold:
    """What a tool said that one call would do, and how the workspace was then."""

    def __init__(self, preview: Preview, folder: Path) -> None:
        self._preview = preview
        self._folder = folder
        self._before = _states(folder)

    @classmethod
    async def ask(cls, sandbox: Sandbox, call: Call, stage: Stage) -> Foretold:
        """Before the call runs."""
        preview = await foretold(sandbox, call, stage.rules, str, LIMITS)
        return cls(preview, call.scratch)

    def faults(self, stage: Stage) -> Iterator[str]:
        """After a call that succeeded: what it did beside its preview."""
        if self._preview.problem:
            yield f"it has no preview: {self._preview.problem}"
            return
        approved = Requests(self._preview)
        for request in stage.requests:
            if fault := _fault(approved, request, stage):
                yield fault
                return
        if path := outside(self._preview.files, self._before, _states(self._folder)):
            yield f"its preview does not say what it did to {path!r}"


def _fault(approved: Requests, request: HttpRequest, stage: Stage) -> str:
    try:
        approved.admit(request, stage.rules)
    except EgressDenied:
        return f"its preview does not say that it asks for {request.method} {request.url}, or not exactly so"
    return ""


def _states(folder: Path) -> States:
    if not IS_POSSIBLE:
        return {}
    with Tree.at(folder) as tree:
        return tree.states()
