"""cases.toml: what an author says must happen."""

from __future__ import annotations

from pathlib import Path

import pytest

from ironclaw.errors import ToolboxError
from ironclaw_bot.authoring.cases import read_case_file, read_cases
from ironclaw_bot.authoring.templates import new


def test_read(tmp_path: Path) -> None:
    """
    A new toolbox's cases can be read, and what is not said is not expected.
    """
    new("hello", "python", tmp_path)
    first, *_, last = read_cases(tmp_path / "hello")

    assert ("Hello, Ada.", True, None) == (first.output, first.expects_output, first.failure)
    assert ("invalid_input", False) == (last.failure and last.failure.value, last.expects_output)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", r": case is missing$"),
        ("case = []", "at least 1 item"),
        ('[[case]]\ntool = "a.b"\nodd = 1', r"case\.0\.odd: there is no such key\. There are: name, tool, "),
        (
            '[[case]]\ntool = "a.b"\noutput = 1\nfailure = "denied"',
            "one of output, output_schema and failure",
        ),
        ('[[case]]\ntool = "a.b"\nfailure = "sad"', "case.0.failure"),
        ('[[case]]\ntool = "a.b"\nmessage = "x"', "expects no failure"),
        ('[[case]]\ntool = "a.b"\noutput_schema = { type = "odd" }', "is not valid under any"),
        ('[[case]]\ntool = "a.b"\nlogs = [["info"]]', "case.0.logs.0"),
        ('[[case]]\ntool = "a.b"\noutptu = 1', r"case\.0\.outptu: .* Did you mean output\?"),
        (
            '[[case]]\ntool = "a.b"\n[[case.http]]\nurl = "a"\nstate = 1',
            r"case\.0\.http\.0\.state: .* Did you mean status\?",
        ),
        ("case = [", "cannot be read"),
    ],
)
def test_wrong(tmp_path: Path, text: str, words: str) -> None:
    """
    A wrong file is an error that names the place.
    """
    (tmp_path / "cases.toml").write_text(text)

    with pytest.raises(ToolboxError, match=words):
        read_case_file(tmp_path / "cases.toml")


def test_none(tmp_path: Path) -> None:
    """
    A toolbox without cases cannot pass them.
    """
    with pytest.raises(ToolboxError, match=r"there are no cases to run; write cases\.toml"):
        read_cases(tmp_path)


@pytest.mark.parametrize("name", ["", "Hello", "../x", "a" * 33, "1a", "a-b"])
def test_names(tmp_path: Path, name: str) -> None:
    """
    A name that no tool could have makes no folder.
    """
    with pytest.raises(ToolboxError, match="a word of at most 32 characters"):
        new(name, "python", tmp_path)

    assert [] == list(tmp_path.iterdir())


def test_there_already(tmp_path: Path) -> None:
    """
    A folder that is there stays as it is.
    """
    (tmp_path / "hello").mkdir()

    with pytest.raises(ToolboxError, match="cannot be made: File exists"):
        new("hello", "python", tmp_path)
