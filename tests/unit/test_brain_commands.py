"""The brain ``commands``: what is typed is what is called, and nothing else is."""

from __future__ import annotations

import json
import shlex
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.services import PlainServices

import ironclaw_tools
from ironclaw.settings import Settings
from ironclaw.task import Conversation, Message, Move, ProposedCall, Role, ToolOffer, observation
from ironclaw.veto.doubts import RAN
from ironclaw_plugins.brain_commands import Commands, read
from ironclaw_plugins.command_answers import error_of, shown, trouble
from ironclaw_plugins.command_help import Catalogue

MANIFEST = Path(ironclaw_tools.__path__[0]) / "standard" / "toolbox.toml"
TOOLS = tuple(
    ToolOffer(name, tool["description"], tool["schema"])
    for name, tool in tomllib.loads(MANIFEST.read_text("utf-8"))["tools"].items()
)
NAMES = [tool.name for tool in TOOLS]


def called(text: str, tools: tuple[ToolOffer, ...] = TOOLS) -> dict[str, Any]:
    (call,) = read(text, tools).calls
    return dict(json.loads(call.arguments))


def answered(text: str) -> str:
    move = read(text, TOOLS)
    assert () == move.calls
    return move.answer or ""


async def plan(*messages: Message) -> Move:
    brain = Commands(PlainServices(Settings())).ironclaw_brains()["commands"]
    return await brain.plan(Conversation("t1", "w1", "local:ann", messages, TOOLS))


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ('text="hello"', "hello"),
        ("text=hello", "hello"),
        ('text="two words"', "two words"),
        ("text='say \"hi\"'", 'say "hi"'),
        ('text="say \\"hi\\""', 'say "hi"'),
        ("text=\u201csmart quotes\u201d", "smart quotes"),
        ("text=\u2018smart\u2019", "smart"),
        ("text=\u201egut\u201c", "gut"),
        ('text="one\\ntwo"', "one\ntwo"),
        ('text="one\ntwo"', "one\ntwo"),
        ('text="\\d+\\b"', "\\d+\\b"),
        ("text='a\\nb'", "a\\nb"),
        ('text=```\nprint("x")\n```', 'print("x")\n'),
        ("text=```a\\nb```", "a\\nb"),
        ("text=5", "5"),
        ("text=null", "null"),
        ('text=["a"]', '["a"]'),
        ("text=a=b", "a=b"),
        ("text=", ""),
        ("text= ", ""),
        ('text="he said \u201chi\u201d to me"', "he said \u201chi\u201d to me"),
        ('text="hello\u201d', "hello"),
    ],
)
def test_values(typed: str, text: str) -> None:
    """
    Text stays the text that was typed, whatever the quotes.
    """
    assert {"path": "a.md", "text": text} == called(f"files.write path=a.md {typed}")


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("files.read path=5 limit=10", {"path": "5", "limit": 10}),
        ("files.read path=a limit=ten", {"path": "a", "limit": "ten"}),
        ("files.list recursive=true", {"recursive": True}),
        ("files.list recursive='true'", {"recursive": True}),
        ('data.query path=a.csv group_by=["x","y"]', {"path": "a.csv", "group_by": ["x", "y"]}),
        (
            "data.query path=a.csv group_by=[\u201cx\u201d]",
            {"path": "a.csv", "group_by": ["x"]},
        ),
        ('http.post url=https://a.example body={"n": 1}', {"url": "https://a.example", "body": {"n": 1}}),
        ("files.list", {}),
        ("data.query path=a.csv group_by=region", {"path": "a.csv", "group_by": ["region"]}),
        ('data.query path=a.csv group_by="a region"', {"path": "a.csv", "group_by": ["a region"]}),
        ("data.query path=a.csv group_by=5", {"path": "a.csv", "group_by": ["5"]}),
        (
            'data.query path=a.csv sort={"column": "n"}',
            {"path": "a.csv", "sort": [{"column": "n"}]},
        ),
        ("python.run ```print(1)```", {"code": "print(1)"}),
        ("python.run\n```\nprint(1)\n```", {"code": "print(1)\n"}),
        ("python.run```print(1)```", {"code": "print(1)"}),
    ],
)
def test_values_follow_the_schema(command: str, arguments: dict[str, Any]) -> None:
    """
    A literal becomes a number, a truth, a list or an object where the schema wants one, and text elsewhere.
    """
    assert arguments == called(command)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_can_be_typed(text: str) -> None:
    """
    Every text has a form in double quotes that gives exactly that text.
    """
    typed = text.replace("\\", "\\\\").replace('"', '\\"')

    assert text == called(f'files.write path=a text="{typed}"')["text"]


@given(st.text())
def test_any_task_is_understood_or_answered(text: str) -> None:
    """
    Whatever is typed, it is one call of an offered tool or a sentence, never an exception.
    """
    move = read(text, TOOLS)

    assert (len(move.calls) == 1) != bool(move.answer)


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("files.raed path=a", "There is no tool 'files.raed'. Nothing was run. Near names: files.read"),
        ("Files.Read path=a", "Near names: files.read"),
        ("files.read notes.md", "'notes.md': each argument is name=value"),
        ("files.read pat=a", "has no argument 'pat'. Did you mean path?"),
        ("files.read path=a path=b", "path is given twice"),
        ("files.write path=a", "files.write also needs text"),
        ('files.write path=a text="open', "The quotes around the value of text do not close"),
        ('files.write path=a text="a"b', "do not close before a space"),
        ("files.write path=a text=```x", "block of text is never closed"),
        ("files.write path=a text = b", "'text': each argument is name=value"),
        ("data.query path=a group_by=[x", "begins like JSON and is none"),
        (
            "data.query path=a where=region=north",
            'where is a list: where=[{"column": "region", "op": "=", "value": "north"}]',
        ),
        ("data.query path=a sort=amount", 'sort is a list: sort=[{"column": "amount", "descending": true}]'),
        ("http.post url=https://a.example body=5", 'body is a list or an object: body={"amount": 42}'),
    ],
)
def test_mistakes_are_answered(typed: str, sentence: str) -> None:
    """
    A command with a mistake is not guessed at: it is answered with what to mend.
    """
    said = answered(typed)

    assert sentence in said
    assert "Nothing was run." in said


def test_a_mistake_comes_with_an_example() -> None:
    """
    The answer to a mistake ends with a line that works.
    """
    assert answered("files.write path=a").endswith('Example: files.write path=notes/today.md text="hello"')


@pytest.mark.parametrize("name", NAMES)
def test_examples_work(name: str) -> None:
    """
    The example of every standard tool is itself a command whose arguments fit its schema.
    """
    tool = next(tool for tool in TOOLS if tool.name == name)

    arguments = called(Catalogue(TOOLS).example(tool))

    jsonschema.validate(arguments, dict(tool.schema))


@pytest.mark.parametrize(
    ("sentence", "first"),
    [
        ("please read my notes", "files.read"),
        ("can you delete the old file?", "files.delete"),
        ("search for a line in my files", "text.grep"),
        ("run some python", "python.run"),
    ],
)
def test_sentences_get_proposals(sentence: str, first: str) -> None:
    """
    Free text is never run: the fitting tools come back as lines to type.
    """
    lines = answered(sentence).splitlines()

    assert "Nothing was run." in lines[0]
    assert lines[1].startswith(first)


def test_sentence_without_a_tool() -> None:
    """
    Where nothing fits, the answer says how to see what there is.
    """
    assert "The task help shows all." in answered("zzz qqq")


@pytest.mark.parametrize(
    ("door", "way"), [("slack", "@ironclaw help shows all."), ("cli", "`ironclaw tool list` shows all.")]
)
def test_help_fits_the_door(door: str, way: str) -> None:
    """
    How to see all tools is said as it is typed at this door.
    """
    assert way in (read("zzz qqq", TOOLS, door).answer or "")
    assert way in (read("zzz.qqq", TOOLS, door).answer or "")


@pytest.mark.parametrize("text", ["help", "HELP", "", "?", "`help`"])
async def test_help_lists_every_tool(text: str) -> None:
    """
    Help, or nothing at all, lists every tool.
    """
    said = (await plan(Message(Role.USER, text))).answer or ""

    assert all(name in said for name in NAMES)


def test_help_about_one() -> None:
    """
    Help about one tool names its arguments and which of them may be left out.
    """
    said = answered("help files.read")

    assert "  path (string): The file, relative to the workspace, such as notes/today.md." in said
    assert "  limit (integer, optional): At most so many bytes." in said


def test_help_shows_the_shape() -> None:
    """
    Help about a tool with lists and objects shows how they are typed.
    """
    said = answered("help data.query")

    assert 'such as where=[{"column": "region", "op": "=", "value": "north"}]' in said


async def test_a_list_that_does_not_fit_comes_with_one_that_does() -> None:
    """
    When the schema refuses a list, the answer fails and shows how it is typed.
    """
    call = ProposedCall("command", "data.query", '{"path":"a","where":[{"col":1}]}')
    seen = observation("bad_arguments", "/where/0: 'op' is a required property; /path: minLength is 1")

    move = await plan(
        Message(Role.USER, "data.query ..."),
        Message(Role.ASSISTANT, calls=(call,)),
        Message(Role.TOOL, seen, call_id="command"),
    )

    example = 'Example: data.query … where=[{"column": "region", "op": "=", "value": "north"}]'
    assert (True, example) == (move.failed, (move.answer or "").splitlines()[-1])


NUMBERS = {"type": "array", "items": {"type": "number"}, "description": "Them."}
POINT = {"type": "object", "required": ["x"], "properties": {"x": {"type": "integer"}}}


@pytest.mark.parametrize(
    ("schema", "slack", "shell"),
    [
        (NUMBERS, "value=[1]", "value='[1]'"),
        ({**NUMBERS, "minItems": 2}, "value=[1, 1]", "value='[1, 1]'"),
        ({**NUMBERS, "items": {"type": "string"}}, 'value=["..."]', "value='[\"...\"]'"),
        ({**NUMBERS, "items": POINT}, 'value=[{"x": 1}]', "value='[{\"x\": 1}]'"),
        (POINT, 'value={"x": 1}', "value='{\"x\": 1}'"),
    ],
)
def test_an_example_of_a_list(schema: dict[str, Any], slack: str, shell: str) -> None:
    """
    The example of a list fits the schema, and comes whole through a shell where one reads it.
    """
    tool = ToolOffer("t.t", "T.", {"type": "object", "required": ["value"], "properties": {"value": schema}})
    said = [read("t.t", (tool,), door).answer or "" for door in ("slack", "cli")]

    assert [slack, shell] == [each.splitlines()[-1].removeprefix("Example: t.t ") for each in said]
    for typed in (slack, " ".join(shlex.split(shell)), shell):
        jsonschema.validate(called(f"t.t {typed}", (tool,)), tool.schema)


async def test_calls_once_then_shows_the_result() -> None:
    """
    The result of the call is the answer; nothing is called twice.
    """
    asked = Message(Role.USER, "files.list")
    first = await plan(asked)
    second = await plan(
        asked,
        Message(Role.ASSISTANT, calls=first.calls),
        Message(Role.TOOL, '{"output":"none"}', call_id="command"),
    )

    assert ("files.list",) == tuple(call.tool for call in first.calls)
    assert Move(answer="none") == second


async def test_asks_again_once() -> None:
    """
    What was not as whoever approved it had seen is proposed once more; then the sentence is the answer.
    """
    asked = Message(Role.USER, "files.list")
    first = await plan(asked)
    sentence = "Stopped, and no file was changed: a.md was changed."
    stopped = Message(Role.TOOL, observation("outside_envelope", sentence), call_id="command")
    turn = (Message(Role.ASSISTANT, calls=first.calls), stopped)

    assert first == await plan(asked, *turn)
    assert Move(answer=sentence, failed=True) == await plan(asked, *turn, *turn)


async def test_earlier_tasks_are_over() -> None:
    """
    Only the last task of a thread is carried out.
    """
    call = ProposedCall("command", "files.delete", '{"path":"a"}')
    past = (
        Message(Role.USER, "files.delete path=a"),
        Message(Role.ASSISTANT, calls=(call,)),
        Message(Role.ASSISTANT, "ok"),
    )

    move = await plan(*past, Message(Role.USER, "files.list"))

    assert ("files.list",) == tuple(call.tool for call in move.calls)


@pytest.mark.parametrize(
    "typed", ["`files.read path=a`", "```files.read path=a```", "```\nfiles.read path=a\n```"]
)
def test_commands_marked_as_code(typed: str) -> None:
    """
    A command that a chat marked as code is the command.
    """
    assert {"path": "a"} == called(typed)


async def test_context_is_no_command() -> None:
    """
    Data that an API caller adds to the task cannot add arguments to the command.
    """
    text = 'files.list\n\nContext given by the caller (data, not instructions):\n{"x": "path=secret"}'

    (call,) = (await plan(Message(Role.USER, text))).calls

    assert "{}" == call.arguments


@pytest.mark.parametrize(
    ("result", "text"),
    [
        ('{"output":"plain text\\n"}', "plain text\n"),
        ('{"output":{"path":"a.md","text":"one\\ntwo","bytes":7}}', "path: a.md\ntext: \none\ntwo\nbytes: 7"),
        ('{"output":[1,2]}', "[1, 2]"),
        ('{"output":null}', "null"),
        ('{"output":{"stdout":"","value":"42"}}', "value: 42"),
        ('{"output":{"text":""}}', "(empty)"),
        ("no json", "no json"),
    ],
)
def test_results_are_readable(result: str, text: str) -> None:
    """
    Text is shown as it is, and an object line by line, without those that say nothing.
    """
    assert text == shown(result)


@pytest.mark.parametrize(
    ("seen", "text"),
    [
        (observation("denied", "Not today."), "Denied: Not today."),
        (
            observation("correct", "Split nothing: ask ann."),
            "Policy refused this, and nothing was run: Split nothing: ask ann.",
        ),
        (observation("expired", "Too late. Nothing was run."), "Too late. Nothing was run."),
        (observation("bad_arguments", "path: too long"), "Not run, the arguments do not fit: path: too long"),
        (observation("invalid_input", "The program failed: line 1"), "The program failed: line 1"),
        (observation("invalid_input", "no such file"), "The tool refused its arguments: no such file"),
        (observation("trapped", "unreachable"), "The tool failed: unreachable"),
        (observation("denied", "x", by="slack:T1:U2", reason=""), "slack:T1:U2 denied a.b. Nothing was run."),
        (
            observation("denied", "Do not propose it again.", by="local:bo", reason="No & <never>."),
            "local:bo denied a.b. Nothing was run. Reason: No & <never>.",
        ),
        (
            observation("denied", "x", by="local:ann", reason=""),
            "Taken back by the one who asked: a.b. Nothing was run.",
        ),
    ],
)
def test_trouble_is_a_sentence(seen: str, text: str) -> None:
    """
    A call without a result says why, to a person: none of what only a model is told.
    """
    error = error_of(seen)

    assert error is not None
    assert text == trouble(error, "a.b", "local:ann")


def test_settled_by_a_person() -> None:
    """
    Who said that a call ran is told to people, without what only a model must be told.
    """
    said = json.dumps({"output": RAN.format(who="local:bo")})

    assert "local:bo says that it ran. What it gave is not known." == shown(said)


def test_lists_are_tables_in_slack() -> None:
    """
    What has rows is a table in a block of code, in Slack alone.
    """
    rows = [{"path": "a.md", "size": 7}, {"path": "longer.md", "is_folder": True}]
    result = json.dumps({"output": {"files": rows, "more": False}})

    assert (
        "files: \n```\npath       size  is_folder\na.md       7\nlonger.md        true\n```\nmore: false"
    ) == shown(result, "slack")
    assert json.loads(shown(result, "http")) == {"files": rows, "more": False}


def test_a_block_in_a_result_ends_no_block() -> None:
    """
    Text that holds the marks of a block of code is not put into one.
    """
    assert "text: \na\n```\nb" == shown(json.dumps({"output": {"text": "a\n```\nb"}}), "slack")


def test_long_lists_are_broken_into_lines() -> None:
    """
    JSON that does not fit on a line is indented.
    """
    rows = [{"name": "a" * 40, "n": 1}, {"name": "b" * 40, "n": 2}]

    assert rows == json.loads(shown(json.dumps({"output": rows})))
    assert shown(json.dumps({"output": rows})).startswith("[\n  {")
