"""What a server says, held against bounds before anything is made of it."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.shared.message import SessionMessage
from mcp_types import CallToolResult, TextContent, jsonrpc_message_adapter

from ironclaw.mcp.flow import MAX_VALUES, Flood, values
from ironclaw.mcp.runner import MAX_SAID, answer
from ironclaw.mcp.screening import MAX_DEPTH, MAX_ID, MAX_MODELLED, screened

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def count(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(count, inner))


@given(JSON, st.booleans())
def test_values(value: Any, is_ascii: bool) -> None:
    """
    No JSON has more values than are counted, whatever stands in its texts.
    """
    text = json.dumps(value, ensure_ascii=is_ascii).encode("utf-8", "surrogatepass")

    assert count(value) <= values(text) + 1


@pytest.mark.parametrize("text", ["x, y [z] {" * 1000, '\\"' * 1000, "\\" * 1000])
def test_values_in_texts(text: str) -> None:
    """
    What stands in a text is no value.
    """
    assert 2 == values(json.dumps({"a": text, "b": 1}).encode())


@pytest.mark.parametrize("text", [b'"' + b'\\"' * (1 << 21), b'"' * (1 << 22), b'"\\' * (1 << 21)])
def test_values_are_counted_in_time(text: bytes) -> None:
    """
    A text that never ends is looked at once.
    """
    began = time.process_time()
    values(text)

    assert time.process_time() - began < 2


def test_many_short_texts() -> None:
    """
    Millions of texts are too many without a look at each.
    """
    assert values(b'["a"' + b',"a"' * (1 << 20) + b"]") > MAX_VALUES


def message(**parts: Any) -> SessionMessage:
    return SessionMessage(jsonrpc_message_adapter.validate_python({"jsonrpc": "2.0", **parts}))


def within(depth: int) -> Any:
    found: Any = {}
    for _ in range(depth):
        found = {"a": found}
    return found


@pytest.mark.parametrize(
    "parts",
    [
        {"id": 1, "result": {"content": [{}] * MAX_MODELLED, "a": 1}},
        {"id": 1, "result": {"a": {str(at): 1 for at in range(MAX_MODELLED)}}},
        {"id": 1, "result": {"structuredContent": within(MAX_DEPTH)}},
        {"id": 1, "error": {"code": 1, "message": "x", "data": [1] * (MAX_MODELLED + 1)}},
        {"method": "notifications/tools/list_changed", "params": {"a": [1] * MAX_MODELLED}},
    ],
    ids=["parts", "names", "depth", "error", "notification"],
)
def test_too_much(parts: dict[str, Any]) -> None:
    """
    A message with more than the package could hold against its models in no time is a flood.
    """
    with pytest.raises(Flood):
        screened(message(**parts))


def test_much_that_is_plain() -> None:
    """
    Data and schemas, of which the package makes no models, may be as large as a message may.
    """
    told = message(id=1, result={"content": [], "structuredContent": {"rows": [[1, 2]] * 10_000}})

    assert told == screened(told)


@pytest.mark.parametrize(
    "parts",
    [
        {"method": "notifications/message", "params": {"level": "info", "data": "x"}},
        {"method": "notifications/progress", "params": {"progressToken": 1, "progress": 1}},
        {"id": "x" * (MAX_ID + 1), "method": "ping"},
    ],
)
def test_what_nobody_hears(parts: dict[str, Any]) -> None:
    """
    Notifications that change nothing here are dropped, and a request that we would have to repeat at length.
    """
    assert screened(message(**parts)) is None


def test_requests() -> None:
    """
    Of a request no more than its name is read.
    """
    asked = message(id=1, method="sampling/createMessage", params={"messages": [{}] * 100_000})

    assert message(id=1, method="sampling/createMessage") == screened(asked)


def test_numbers_that_are_none() -> None:
    """
    NaN and the infinities, which are no JSON, are told as texts.
    """
    given = CallToolResult(content=[], structured_content={"a": [float("nan"), float("-inf"), 1.5]})

    assert ["NaN", "-Infinity", 1.5] == json.loads(answer(given).output or "", parse_constant=int)[
        "structured"
    ]["a"]


def test_failure_without_end() -> None:
    """
    A failure that is too long to be looked through for secrets is not told in part either.
    """
    said = answer(
        CallToolResult(content=[TextContent(type="text", text="x" * (MAX_SAID + 1))], is_error=True)
    )

    assert said.failure
    assert "failed: in more than 16384 characters, which are not shown" in said.failure.message
