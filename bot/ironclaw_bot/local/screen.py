"""What models are writing, for people who look on at the command line.  Nothing depends on it."""

from __future__ import annotations

import asyncio

from ironclaw.app import Ironclaw
from ironclaw.task import Draft

MOST = 64  #: Tasks that are looked at: who went away without a word leaves one.


class Screen:
    """Keeps the newest draft of each task that somebody looks at.  A :class:`ironclaw.task.Drafter`."""

    pace = 0.3

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}  #: By workflow.
        self._news = asyncio.Condition()

    async def draft(self, draft: Draft) -> None:
        """Show it to whoever looks."""
        if draft.workflow_id in self._texts:
            async with self._news:
                self._texts[draft.workflow_id] = draft.text
                self._news.notify_all()

    async def news(self, workflow_id: str, seen: str) -> None:
        """Return when something else is written there than what was seen."""
        self._texts.setdefault(workflow_id, "")
        while len(self._texts) > MOST:
            del self._texts[next(iter(self._texts))]
        async with self._news:
            await self._news.wait_for(lambda: self.text(workflow_id) not in ("", seen))

    def text(self, workflow_id: str) -> str:
        """What is written there so far; "" for nothing."""
        return self._texts.get(workflow_id, "")

    def leave(self, workflow_id: str) -> None:
        """Nobody looks any more."""
        self._texts.pop(workflow_id, None)


def screen_of(app: Ironclaw) -> Screen:
    """A screen for what is asked for on the command line, from now on."""
    screen = Screen()
    app.show_drafts("cli", screen)
    return screen
