"""What the Slack door draws of questions of the brain, by name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ironclaw.task import QuestionState, QuestionView, WorkflowState, WorkflowView
from ironclaw_bot.slack import drawings, home
from ironclaw_bot.slack.question_card import question_card, reminder
from tests.fakes.approvals import NOW

TEXT = "Which <!channel> of these? See https://evil.test/a and `b`.\n```\nls <x>\n```"
ASKED = QuestionView(
    "qu_1",
    "acme",
    "wf_1",
    1,
    "slack:T0001:U1ADA",
    TEXT,
    ("staging", "production & <all>", "x" * 90),
    QuestionState.OPEN,
    NOW,
    NOW + 3600,
    "slack",
)
VALUES = ["qu_1.0.mac", "qu_1.1.mac", "qu_1.2.mac"]
FREE = replace(ASKED, choices=(), text="How many?")
SAID = replace(
    FREE,
    state=QuestionState.ANSWERED,
    answered_by="slack:T0001:U1ADA",
    answered_at=NOW + 60,
    answer="Seven, <@U1BO>",
)
PAUSED = WorkflowView(
    "wf_1", "acme", "slack:T0001:U1ADA", "count", WorkflowState.PAUSED, "", NOW, NOW, question=FREE
)

QUESTIONS: dict[str, dict[str, Any]] = {
    "question": question_card(ASKED, VALUES),
    "question_direct": question_card(ASKED, VALUES, is_direct=True),
    "question_free": question_card(FREE, []),
    "question_answered": question_card(SAID, []),
    "question_expired": question_card(replace(FREE, state=QuestionState.EXPIRED), []),
    "question_cancelled": question_card(replace(FREE, state=QuestionState.CANCELLED), []),
    "question_reminder": reminder(ASKED),
    "question_status": drawings.one_workflow(PAUSED),
    "question_list": drawings.approval_list([], [], [ASKED]),
    "question_home": home.view(home.Seen(questions=[ASKED], tasks=[PAUSED])),
}
