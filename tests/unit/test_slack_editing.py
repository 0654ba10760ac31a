"""The modal that edits a call's arguments: drawn from a schema, read back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.approvals import an_approval
from tests.golden.drawings import SCHEMA

from ironclaw.canonical import canonical_text
from ironclaw.terms import Circumstances
from ironclaw_bot.playground.inputs import state_of, unanswered
from ironclaw_bot.slack.editing import NotEditable, Wrong, block_of, edit_form, edited
from ironclaw_bot.slack.presses import form
from ironclaw_bot.slack.rules import validate_view

GIVEN = {"path": "a.md", "text": "one\ntwo", "overwrite": True, "mode": 7, "tags": ["x"]}
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=100)
numbers = st.integers(-(10**6), 10**6) | st.floats(-1e6, 1e6).map(lambda each: round(each, 3))
arguments = st.fixed_dictionaries(
    {"path": texts, "text": texts},
    optional={
        "overwrite": st.booleans(),
        "mode": st.sampled_from(SCHEMA["properties"]["mode"]["enum"]),
        "lines": st.integers(1, 99),
        "tags": st.lists(texts, max_size=3),
        "share": numbers,
        "more": st.dictionaries(texts, numbers, max_size=2),
    },
)


def asked(args=GIVEN, defaults=()):
    return an_approval(args=canonical_text(args), circumstances=Circumstances(defaults=defaults))


def handed_in(approval, schema=SCHEMA, **answers):
    """What comes back when somebody fills the modal in, as Slack sends it."""
    blocks = edit_form(approval, schema, "v")["blocks"]
    state = state_of(
        [{"block_id": f"b{n}", **block} for n, block in enumerate(blocks)],
        {f"arg:{name}": answer for name, answer in answers.items()},
    )
    return form({"view": {"state": {"values": state}}}).answers


def saved(approval, schema=SCHEMA, **answers):
    return json.loads(edited(approval, schema, handed_in(approval, schema, **answers)))


@given(arguments)
def test_untouched(args):
    """
    Whatever the arguments are, the modal is one that Slack takes, and handed in untouched changes no byte.
    """
    approval = asked(args)
    view = edit_form(approval, SCHEMA, "v")

    validate_view(view)
    assert approval.args == edited(approval, SCHEMA, handed_in(approval))


@given(arguments)
def test_can_be_handed_in(args):
    """
    Nothing that is stored keeps Slack's own client from handing the modal in.
    """
    approval = asked(args)
    blocks = edit_form(approval, SCHEMA, "v")["blocks"]
    named = [{"block_id": f"b{n}", **block} for n, block in enumerate(blocks)]

    assert {} == unanswered(named, state_of(named, {}))


def test_trimmed_by_slack():
    """
    What Slack's inputs trim at the ends of a text stays as it was.
    """
    approval = asked({"path": "a", "text": "  one\ntwo\n"})

    assert approval.args == edited(approval, SCHEMA, {"arg:path": "a", "arg:text": "one\r\ntwo"})


@pytest.mark.parametrize(
    ("answers", "changed"),
    [
        ({"text": "three"}, {"text": "three"}),
        ({"overwrite": "1"}, {"overwrite": False}),
        ({"mode": "1"}, {"mode": "binary"}),
        ({"tags": '["y", 2]'}, {"tags": ["y", 2]}),
        ({"lines": "12"}, {"lines": 12}),
        ({"share": "0.5"}, {"share": 0.5}),
    ],
)
def test_changed(answers, changed):
    """
    What is written becomes a value of its kind; the rest stays.
    """
    assert {**GIVEN, **changed} == saved(asked(), **answers)


@pytest.mark.parametrize(("name", "empty"), [("mode", "-"), ("overwrite", "-"), ("tags", "")])
def test_taken_away(name, empty):
    """
    An argument that need not be there can be left out.
    """
    assert name not in saved(asked(), **{name: empty})


def test_defaults_stay_defaults():
    """
    What nobody but the schema chose is left to the schema, unless it is touched.
    """
    approval = asked(defaults=("/overwrite",))

    assert "overwrite" not in saved(approval)
    assert saved(approval, overwrite="1")["overwrite"] is False


@pytest.mark.parametrize(("name", "text"), [("tags", '{"a":1,"a":2}'), ("tags", "[1"), ("share", "a lot")])
def test_wrong(name, text):
    """
    What is no value of its kind is told at its input.
    """
    with pytest.raises(Wrong) as wrong:
        saved(asked(), **{name: text})

    assert [f"arg:{name}"] == list(wrong.value.errors)


@pytest.mark.parametrize(
    ("pointer", "block"), [("/tags/0", "arg:tags"), ("", "arg:path"), ("/x", "arg:path")]
)
def test_where_a_fault_is_shown(pointer, block):
    """
    A fault that the schema finds stands at its argument; one of the whole at the first.
    """
    assert block == block_of(asked(), SCHEMA, pointer)


@pytest.mark.parametrize("schema", [{}, {"properties": {"k" * 300: {}}}])
def test_in_one(schema):
    """
    Arguments without inputs of their own stand in one, as JSON.
    """
    approval = asked({})

    assert {"a": [1]} == saved(approval, schema, arguments='{"a": [1]}')


def test_too_long():
    """
    What Slack's inputs cannot hold cannot be edited there.
    """
    with pytest.raises(NotEditable):
        edit_form(asked({"text": "x" * 3001}), SCHEMA, "v")
