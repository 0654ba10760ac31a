"""What models used, as each door shows it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from ironclaw.sentences import used, with_total
from ironclaw.task import ModelTotal, WorkflowState, WorkflowView
from ironclaw_bot.http.workflows import workflow_body
from ironclaw_bot.local.showing import shown_workflow
from ironclaw_bot.slack import drawings

TOTAL = ModelTotal(2, 3_000, 1_000, 412, 4_000)
VIEW = WorkflowView("w1", "T1", "local:ada", "do it", WorkflowState.DONE, "done", 1.0, 2.0, models=TOTAL)
NOTHING = replace(VIEW, models=None)


@pytest.mark.parametrize(
    ("total", "words"),
    [
        (TOTAL, "3,412 tokens, $0.004"),
        (replace(TOTAL, micros=None), "3,412 tokens"),
        (ModelTotal(1, 1, 0, 0, None), "1 token"),
    ],
)
def test_words(total: ModelTotal, words: str) -> None:
    """
    Tokens with their thousands, and money where every request has a price.
    """
    assert words == used(total)


def test_last_line() -> None:
    """
    A last line says what was used only where that is known.
    """
    assert ("Done.", "Done. 3,412 tokens, $0.004.") == (with_total("Done.", None), with_total("Done.", TOTAL))


def test_over_http() -> None:
    """
    An answer over HTTP has the figures; where no model was asked it says nothing of them.
    """
    body = json.loads(workflow_body(VIEW).model_dump_json(exclude_none=True))
    expected = {"requests": 2, "tokens_in": 3_000, "tokens_cached": 1_000, "tokens_out": 412, "cost": 0.004}

    assert expected == body["usage"]
    assert "usage" not in json.loads(workflow_body(NOTHING).model_dump_json(exclude_none=True))


def test_for_people() -> None:
    """
    `ironclaw status` and `/ironclaw status ID` say it in words.
    """
    about = str(drawings.one_workflow(VIEW))

    assert ("3,412 tokens, $0.004", "") == (shown_workflow(VIEW)["used"], shown_workflow(NOTHING)["used"])
    assert "3,412 tokens, $0.004" in about
    assert "tokens" not in str(drawings.one_workflow(NOTHING))
