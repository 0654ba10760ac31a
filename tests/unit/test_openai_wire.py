"""What goes to a chat model and what comes back, without a network."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.fakes.openai_lint import lint

from ironclaw.errors import BrainError
from ironclaw.task import Conversation, Message, ProposedCall, Role, ToolOffer
from ironclaw_plugins.openai_wire import envelope, messages, move, request, wire_name

SCHEMA = {"type": "object", "additionalProperties": False, "properties": {}}
LIST = ToolOffer("files.list", "List files.", SCHEMA)
WORDS = st.text(st.characters(), max_size=20)
IDS = st.sampled_from(["a", "b", "c", ""])
ODD = ProposedCall("a", "\ud800", "\ud800")  # Lone surrogates: JSON can carry them, UTF-8 cannot.
CALLS = st.builds(ProposedCall, IDS, WORDS, WORDS)
HISTORY = st.lists(
    st.one_of(
        st.builds(lambda text: Message(Role.USER, text), WORDS),
        st.builds(lambda text: Message(Role.ASSISTANT, text), WORDS),
        st.builds(lambda calls: Message(Role.ASSISTANT, calls=tuple(calls)), st.lists(CALLS, max_size=3)),
        st.builds(
            lambda id, text: Message(Role.TOOL, text, call_id=id), st.sampled_from(["a", "b", "c"]), WORDS
        ),
    ),
    max_size=6,
)


@given(HISTORY)
@example([Message(Role.ASSISTANT, calls=(ODD,)), Message(Role.TOOL, "\ud800", call_id="a")])
def test_any_history_makes_a_good_request(history: list[Message]) -> None:
    """
    Whatever was stored, lost or repeated, servers get each call answered exactly once, in UTF-8.
    """
    asked = (*history, Message(Role.USER, "go on"))

    body = request(Conversation("t1", "w1", "local:ann", asked, (LIST,)), "model", "prompt")

    assert [] == lint(body)
    json.dumps(body, ensure_ascii=False).encode()


@given(st.text(), st.text())
def test_no_result_leaves_its_envelope(source: str, untrusted: str) -> None:
    """
    A result's text cannot close its envelope, nor pose as another key or another source.
    """
    assert {"source": source, "untrusted": untrusted} == json.loads(envelope(source, untrusted))


def test_results_go_to_their_own_turn() -> None:
    """
    A model that uses the same id in every turn still gets each result once, where it belongs.
    """
    call = ProposedCall("call_0", "files.list", "{}")
    turn = Message(Role.ASSISTANT, calls=(call,))
    history = (
        turn,
        Message(Role.TOOL, "one", call_id="call_0"),
        turn,
        Message(Role.TOOL, "two", call_id="call_0"),
    )

    sent = messages(history, "prompt")

    results = [json.loads(each["content"])["untrusted"] for each in sent if each["role"] == "tool"]
    assert ["one", "two"] == results
    assert 2 == len({each["tool_call_id"] for each in sent if each["role"] == "tool"})


def test_names_come_back() -> None:
    """
    A function name that we made is our tool again; any other stays what the model wrote.
    """
    tools = (LIST, ToolOffer("a" * 32 + "." + "b" * 32, "Long.", SCHEMA))
    names = [wire_name(tool.name) for tool in tools] + ["files_list", "x" * 70]

    found = move(reply([call(name) for name in names]), tools).calls

    assert ["files.list", tools[1].name, "files_list", "x" * 70] == [each.tool for each in found]
    assert all(len(wire_name(tool.name)) <= 64 for tool in tools)


def test_arguments_that_are_an_object() -> None:
    """
    A server that sends arguments as an object instead of text is understood.
    """
    said: dict[str, object] = {"id": "1", "function": {"name": "files-list", "arguments": {"path": "a"}}}

    assert '{"path": "a"}' == move(reply([said]), (LIST,)).calls[0].arguments


def test_repeated_ids_are_told_apart() -> None:
    """
    Two calls of one turn under the same id get ids of their own.
    """
    found = move(reply([call("files-list"), call("files-list")]), (LIST,)).calls

    assert 2 == len({each.id for each in found})


@given(st.one_of(st.binary(), st.text(), st.recursive(st.none() | st.integers(), st.lists).map(json.dumps)))
def test_garbage_is_refused(body: bytes | str) -> None:
    """
    A reply that is no chat completion is refused with a sentence.
    """
    with pytest.raises(BrainError, match="no chat completion"):
        move(body, (LIST,))


def call(name: str) -> dict[str, object]:
    return {"id": "call_0", "type": "function", "function": {"name": name, "arguments": "{}"}}


def reply(calls: list[dict[str, object]]) -> str:
    message = {"role": "assistant", "content": None, "tool_calls": calls}
    return json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]})
