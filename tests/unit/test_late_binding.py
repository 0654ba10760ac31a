"""Nothing is filled in after a person has said yes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.test_tickets import CALL

from ironclaw.orchestrator.late import late_bound
from ironclaw.task import Risk, Verdict


@pytest.mark.parametrize("text", ["$RESULT_0", "see ${output.text}", "{{step1.result}}", "{{ Result }}"])
def test_a_placeholder_is_advised_against(text: str) -> None:
    """
    A high-risk call that counts on being completed later is corrected, and nobody is asked about it.
    """
    opinion = late_bound(replace(CALL, args=f'{{"body":"{text}"}}'))

    assert opinion is not None
    assert Verdict.CORRECT is opinion.verdict


@pytest.mark.parametrize("text", ["$5 as a result", "the output", "{{name}}", "$HOME", "result: 3", "100$"])
def test_plain_words_are_not(text: str) -> None:
    """
    Words, prices and other people's templates are what they are.
    """
    assert None is late_bound(replace(CALL, args=f'{{"body":"{text}"}}'))


def test_low_risk_is_left_alone() -> None:
    """
    Where nobody is asked, nothing can change behind a yes.
    """
    assert None is late_bound(replace(CALL, args='{"body":"$RESULT_0"}', risk=Risk.LOW))
