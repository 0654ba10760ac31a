"""Events as they come over a connection, and a draft as it grows."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironclaw_plugins.brain_openai.sse import events
from ironclaw_plugins.brain_openai.wire import Draft

LINES = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=8)


async def read(content: bytes, size: int) -> list[str]:
    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(content), size):
            yield content[start : start + size]

    return [event async for event in events(pieces())]


@given(st.lists(LINES, max_size=5), st.sampled_from(["\n", "\r\n"]), st.integers(1, 7))
async def test_cut_anywhere(data: list[str], end: str, size: int) -> None:
    """
    However the bytes are cut, each event is read whole, in order; a sign of life in between is none.
    """
    stream = "".join(f": ping{end}data: {line}{end}{end}" for line in data)

    assert data == await read(stream.encode(), size)


@pytest.mark.parametrize(
    ("stream", "read_as"),
    [
        (b"data: a\ndata: b\n\n", ["a\nb"]),
        (b"data:a\n\n", ["a"]),
        (b"event: x\nid: 1\ndata: a\n\n", ["a"]),
        (b"data: a\n\ndata: hal", ["a"]),
        (b"data: a\n", []),
        (b"data: \xff\n\n", ["\N{REPLACEMENT CHARACTER}"]),
        (b"\n\n\n", []),
    ],
)
async def test_forms(stream: bytes, read_as: list[str]) -> None:
    """
    Lines of one event are one text; what the end cuts is no event.
    """
    assert read_as == await read(stream, 3)


def test_drafts_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Between two drafts there is a moment, however fast the text comes; nothing of it is lost.
    """
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    said: list[str] = []
    draft = Draft(said.append, 1.0)
    for piece in "abcdef":
        draft.add(piece)
        now[0] += 0.4

    assert (["a", "abcd"], "abcdef") == (said, draft.text)
