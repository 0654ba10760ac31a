"""How a workflow stands, in a sentence."""

from __future__ import annotations

import pytest

from ironclaw.sentences import first_line, sentence
from ironclaw.task import WorkflowState, WorkflowView


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        ("The tool failed: no such file.", "Ended without an answer: The tool failed: no such file."),
        ("Denied.\nNothing was run.", "Ended without an answer: Denied.…"),
        ("", "Ended without an answer."),
    ],
)
def test_a_failure_says_why(outcome: str, said: str) -> None:
    """
    What failed says the first line of why.
    """
    view = WorkflowView("wf_1", "T1", "local:bo", "x", WorkflowState.FAILED, outcome, 0, 0)

    assert said == sentence(view)


@pytest.mark.parametrize(
    ("text", "line"),
    [("", ""), ("\n```\na  b\n1  2\n```", "a  b…"), ("one", "one"), ("123456", "1234…")],
)
def test_the_first_line(text: str, line: str) -> None:
    """
    One line that says something, no longer than asked, and a mark where there is more.
    """
    assert line == first_line(text, 5)
