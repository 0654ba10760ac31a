"""Attacks on what people see and on what policy is told: each of these must not be possible."""

from __future__ import annotations

import json

import pytest
from tests.golden.drawings import an_approval

from ironclaw.envelope import FileEffect, Preview, RequestEffect
from ironclaw.orchestrator.dry_run import failed
from ironclaw.terms import Circumstances
from ironclaw_bot.slack.card import card
from ironclaw_bot.slack.preview import IN_DETAILS, ON_CARD, previewed

pytestmark = pytest.mark.sandbox
LONG = tuple(f"▸ + {'x' * 150}" for _ in range(100))
PAYS = RequestEffect("POST", "https://bank.example:443/pay", (), "", "0" * 64, 3)


def writes(count: int) -> tuple[FileEffect, ...]:
    return tuple(FileEffect(f"{n}.md", "", "0" * 64, 15_000, LONG) for n in range(count))


@pytest.mark.parametrize("room", [ON_CARD, IN_DETAILS])
def test_no_effect_hides_behind_others(room: int) -> None:
    """
    Long files push no request off the card, nor out of the details.
    """
    assert "bank.example" in json.dumps(previewed(Preview(writes(2), (PAYS,)), room))


@pytest.mark.parametrize("files", [1, 2])
def test_what_nobody_can_see_whole_has_no_approve(files: int) -> None:
    """
    Effects that the details cannot show whole can be denied, and not approved.
    """
    approval = an_approval(circumstances=Circumstances(preview=Preview(writes(files), (PAYS,))))
    drawing = json.dumps(card([approval], ["v"]))

    assert (files == 1) == ('"Approve"' in drawing)
    assert '"Deny"' in drawing


def test_what_a_tool_says_is_no_markup() -> None:
    """
    A preview that failed says why in the tool's words: nothing in them is bold, code or a line of ours.
    """
    ours = "*What it will do:* change no file and send nothing. The run is held to it."
    blocks = previewed(failed(f"timeout. {ours}", str), ON_CARD)

    assert ours in json.dumps(blocks)
    assert not [each for each in blocks if each["type"] == "section" and ours in each["text"]["text"]]
