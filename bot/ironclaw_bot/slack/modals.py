"""The modals of a card: its details, a no with its reason, a yes that is remembered, plain words.  Pure."""

from __future__ import annotations

from ironclaw.task import ApprovalView, Risk
from ironclaw.terms import GrantScope
from ironclaw_bot.slack import facts
from ironclaw_bot.slack.arguments import whole
from ironclaw_bot.slack.blocks import Block, Drawing, context, section, words
from ironclaw_bot.slack.presses import DENY_FORM, REMEMBER_FORM
from ironclaw_bot.slack.preview import IN_DETAILS, previewed
from ironclaw_bot.slack.text import cut, one_line, person, visible

EDIT_TITLE = "Edit the arguments"
REASON_BLOCK, SCOPE_BLOCK = "reason", "scope"
MOST_REASON = 1_000  #: Characters of a reason.
_SCOPES = {
    GrantScope.WORKFLOW: ("In this task", "until it ends"),
    GrantScope.TOOL: ("In this channel", "for the same person and hosts"),
}
_ENDS = "At most 20 calls within 7 days. An upgrade of the tool ends it, and so does Revoke in Home."
SAME_ARGUMENTS = f"Calls with exactly these arguments. {_ENDS}"
SAME_TOOL = f"Calls with other arguments too. {_ENDS}"


def details(approval: ApprovalView) -> Drawing:
    """Every argument uncut.

    :raises Unshowable: there is no showing them
    """
    shown = whole(approval)
    blocks = [*shown.boxes, *map(context, shown.notes)]
    blocks += previewed(approval.circumstances.preview, IN_DETAILS)
    blocks.append(context("A piece that begins with … goes on from the one before.", facts.ids(approval)))
    return _view(visible(approval.tool), blocks)


def deny(approval: ApprovalView, value: str) -> Drawing:
    """Asks for the reason of a no."""
    reason = {
        "type": "plain_text_input",
        "action_id": "text",
        "multiline": True,
        "max_length": MOST_REASON,
        "focus_on_load": True,
    }
    hint = "IronClaw reads it, and whoever asked. It ends this request: nothing is run."
    blocks = [subject(approval), labelled(REASON_BLOCK, "Reason", reason, hint)]
    return form("Deny", blocks, "Deny", DENY_FORM, value)


def remember(approval: ApprovalView, value: str) -> Drawing:
    """Asks how far a yes reaches.

    :param approval: whose terms let it be remembered
    """
    scopes = sorted(approval.terms.scopes, key=list(GrantScope).index)
    options = [
        {"text": words(_SCOPES[each][0]), "description": words(_SCOPES[each][1]), "value": each.value}
        for each in scopes
    ]
    element = {
        "type": "radio_buttons",
        "action_id": "scope",
        "options": options,
        "initial_option": options[0],
    }
    hint = SAME_ARGUMENTS if approval.risk is Risk.HIGH else SAME_TOOL
    blocks = [subject(approval), labelled(SCOPE_BLOCK, "Approve, and do not ask again", element, hint)]
    return form("Approve and remember", blocks, "Approve", REMEMBER_FORM, value)


def holding(title: str, drawing: Drawing) -> Drawing:
    """What would stand in a message, where there is no channel to say it in."""
    return _view(title, drawing["blocks"])


def subject(approval: ApprovalView) -> Block:
    """What a form is about."""
    return section(f"*{one_line(approval.tool, 100)}* for {person(approval.requester)}")


def labelled(block_id: str, label: str, element: Block, hint: str = "") -> Block:
    """An input; its texts are plain."""
    made = {"type": "input", "block_id": block_id, "label": words(label), "element": element}
    return {**made, "hint": words(hint)} if hint else made


def _view(title: str, blocks: list[Block]) -> Drawing:
    return {"type": "modal", "title": words(cut(title, 24)), "close": words("Close"), "blocks": blocks}


def form(title: str, blocks: list[Block], submit: str, callback_id: str, value: str) -> Drawing:
    """A modal that is handed in.

    :param value: sealed by the engine: who hands the form in proves nothing by it
    """
    return {
        **_view(title, blocks),
        "close": words("Cancel"),
        "submit": words(submit),
        "callback_id": callback_id,
        "private_metadata": value,
    }
