"""Responses in events: the text as it grows, the items by their place, and the response that ends it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ValidationError

from ironclaw_plugins.brain_openai import told
from ironclaw_plugins.brain_openai.faults import Said, failed_midway
from ironclaw_plugins.brain_openai.responses import Item, Whole, read
from ironclaw_plugins.brain_openai.sse import DONE
from ironclaw_plugins.brain_openai.wire import MAX_CALLS, Draft, Reply

LAST = ("response.completed", "response.incomplete", "response.failed")


class _Event(BaseModel):
    type: str
    delta: str | None = None
    output_index: int = 0
    item: Item | None = None
    response: Whole | None = None
    error: Any = None
    code: str | None = None
    message: str | None = None


class _Kind(BaseModel):
    type: str = ""


class ResponsesAssembly:
    """One reply from its events."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._items: dict[int, Item] = {}
        self._whole: Whole | None = None

    def add(self, event: str) -> None:
        if event == DONE:
            return
        try:
            self._take(event)
        except ValidationError:
            raise told.garbled() from None

    def _take(self, event: str) -> None:
        """Events that we need nothing of are not looked into: there are many, and more each year."""
        kind = _Kind.model_validate_json(event).type
        if kind == "response.output_text.delta":
            self._draft.add(_Event.model_validate_json(event).delta or "")
        elif kind == "response.output_item.done":
            found = _Event.model_validate_json(event)
            if found.item:
                self._items[found.output_index] = found.item
            if len(self._items) > 2 * MAX_CALLS:  # Each may have its reasoning.
                raise told.too_many()
        elif kind in LAST:
            self._whole = _Event.model_validate_json(event).response
        elif kind == "error":
            failed = _Event.model_validate_json(event)
            raise failed_midway(Said.of(failed.error or failed.model_dump()))

    def reply(self) -> Reply:
        if self._whole is None:
            raise told.cut()
        if self._whole.output:
            return read(self._whole)
        # Some servers end with a response that no longer repeats its items.
        items = [self._items[index] for index in sorted(self._items)]
        return read(self._whole.model_copy(update={"output": items}))
