"""A card in all its places: where a click counts, its modals, App Home, user groups."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest
from tests.fakes.approvals import NOW, an_approval
from tests.fakes.memory_engine import LEAKS
from tests.fakes.slack_door import notice
from tests.golden.drawings import A_GRANT, SCHEMA

from ironclaw.canonical import canonical_text
from ironclaw.errors import BadRequest, StoreError
from ironclaw.settings import TenantSettings
from ironclaw.task import ApprovalState, Decision, NoticeKind, ToolOffer, Vote
from ironclaw.terms import GrantScope, Terms
from ironclaw_bot.slack.clicks import ELSEWHERE
from ironclaw_bot.slack.forms import NO_REASON, NOT_SHOWN
from ironclaw_bot.slack.people import GUEST, NO_GUESTS
from ironclaw_bot.slack.replies import TOO_SLOW

REMEMBERED = Terms(grants=frozenset(GrantScope))
LONG = canonical_text({"text": "x" * 5000})


async def choose(slack, ref, what, user="bo", channel="ops"):
    """Choose from a card's menu; what comes up is on the screen when this returns."""
    value = slack.engine.button(slack.engine.reviews["ap_1"])
    result = await slack.people.click(user, channel, ref["ts"], "ironclaw_more", answer=f"{what}:{value}")
    await slack.settle()
    return result


async def submit(slack, user="U1BO", **answers):
    return await slack.playground.modals.submit(user, slack.modal(user)["id"], answers)


def state(slack):
    return slack.engine.reviews["ap_1"].state


# Where a click counts


async def test_a_button_in_another_message(slack):
    """
    The value of one card, carried into a message that never showed it, decides nothing; the clicker is told.
    """
    ref = await slack.card()
    slack.engine.reviews["ap_2"] = an_approval(id="ap_2", card="ap_2")
    other = await slack.show("ap_2")
    blocks = slack.channel("ops").message(ref["ts"])["blocks"]
    slack.channel("ops").message(other["ts"])["blocks"] = blocks
    await slack.people.click("bo", "ops", other["ts"], "ironclaw_approve")

    assert [ELSEWHERE] == await slack.whispered("U1BO")
    assert ApprovalState.PENDING is state(slack)


@pytest.mark.parametrize("action", ["ironclaw_approve", "ironclaw_deny", "ironclaw_details"])
async def test_a_copy_in_another_channel(slack, action):
    """
    A copy of a card in another channel has no power, whatever is pressed on it.
    """
    ref = await slack.card(args=LONG)
    copy = dict(slack.channel("ops").message(ref["ts"]))
    slack.channel("general").messages.append(copy)
    await slack.people.click("bo", "general", copy["ts"], action)

    assert [ELSEWHERE] == await slack.whispered("U1BO", "general")
    assert (ApprovalState.PENDING, {}) == (state(slack), slack.playground.world.team("T0001").views)


async def test_every_copy_of_ours_counts(slack):
    """
    Where the card was posted, in a thread, a channel or to a person, its buttons count.
    """
    await slack.card()
    direct = await slack.show("ap_1", "U1BO")
    await slack.people.click("bo", "@ironclaw", direct["ts"], "ironclaw_approve")

    assert ApprovalState.APPROVED is state(slack)


async def test_an_old_button(slack):
    """
    A button of an older version decides nothing.
    """
    ref = await slack.card()
    slack.engine.reviews["ap_1"] = an_approval(version=2)
    await slack.people.click("bo", "ops", ref["ts"], "ironclaw_approve")

    assert ["This approval has a newer version."] == await slack.whispered("U1BO")


# A reason


async def test_deny_with_a_reason(slack):
    """
    A reason is asked for in a modal, and kept with the decision.
    """
    ref = await slack.card()
    await choose(slack, ref, "reason")
    result = await submit(slack, reason="  Not *today* <!here>  ")

    said = Vote("slack:T0001:U1BO", Decision.DENY, NOW, "Not *today* <!here>")
    assert ({"ok": True, "reason": "", "errors": {}}, (said,)) == (result, slack.engine.reviews["ap_1"].votes)


@pytest.mark.parametrize(("reason", "sentence"), [(f"use {LEAKS}", NOT_SHOWN), ("   ", NO_REASON)])
async def test_a_reason_that_is_none(slack, reason, sentence):
    """
    A reason that holds a secret, or says nothing, is told at its input, and nothing is decided.
    """
    ref = await slack.card()
    await choose(slack, ref, "reason")

    assert {"reason": sentence} == (await submit(slack, reason=reason))["errors"]
    assert ApprovalState.PENDING is state(slack)


async def test_a_reason_too_late(slack):
    """
    Who hands a reason in after another has decided is told who was first.
    """
    ref = await slack.card()
    await choose(slack, ref, "reason")
    vote = Vote("slack:T0001:U1ADA", Decision.APPROVE, NOW)
    slack.engine.reviews["ap_1"] = an_approval(state=ApprovalState.APPROVED, votes=(vote,))
    await submit(slack, reason="no")

    assert "Already decided by <@U1ADA>" in str(slack.modal("U1BO")["blocks"])


async def test_a_form_of_a_guest(slack):
    """
    A form that a guest hands in decides nothing, though their name is on the list.
    """
    ref = await slack.card()
    await choose(slack, ref, "reason")
    team = slack.playground.world.team("T0001")
    team.stacks["U1GIL"] = team.stacks.pop("U1BO")
    await submit(slack, "U1GIL", reason="no")

    assert GUEST in str(slack.modal("U1GIL")["blocks"])
    assert ApprovalState.PENDING is state(slack)


async def test_a_form_that_was_tampered_with(slack):
    """
    What a modal carries is opened again when it comes back: another approval's id proves nothing.
    """
    ref = await slack.card()
    await choose(slack, ref, "reason")
    slack.modal("U1BO")["private_metadata"] = "ap_1.1.forged"
    await submit(slack, reason="no")

    assert "There is no such approval here." in str(slack.modal("U1BO")["blocks"])
    assert ApprovalState.PENDING is state(slack)


async def test_a_menu_for_guests(slack):
    """
    Nobody who may not use the bot is shown a modal.
    """
    slack.engine.reviews["ap_1"] = an_approval()
    ref = await slack.show("ap_1", "C1GENERAL")
    await choose(slack, ref, "edit", "gil", "general")

    assert [NO_GUESTS] == await slack.whispered("U1GIL", "general")


@pytest.mark.parametrize(
    ("user", "what", "opens"), [("ada", "edit", 0), ("ada", "reason", 1), ("cy", "reason", 0)]
)
async def test_a_menu_for_nothing(slack, user, what, opens):
    """
    Nobody gets a form that would be refused; who asked may say why they take it back.
    """
    ref = await slack.card()
    await choose(slack, ref, what, user)
    team = slack.playground.world.team("T0001")

    assert (opens, 1 - opens) == (len(team.views), len(slack.channel("ops").ephemerals))


async def test_too_slow_for_a_modal(slack):
    """
    When Slack opens no window any more, the clicker is told to click again.
    """
    ref = await slack.card()
    slack.playground.hub.faults.add("api", "error", "views.open", code="expired_trigger_id")
    await choose(slack, ref, "reason")

    assert [TOO_SLOW] == await slack.whispered("U1BO")


@pytest.mark.parametrize("what", ["reason", "edit"])
async def test_a_menu_of_what_is_decided(slack, what):
    """
    On a card that was drawn before the decision, the menu says that there is nothing to do any more.
    """
    ref = await slack.card()
    slack.engine.reviews["ap_1"] = an_approval(state=ApprovalState.EXPIRED)
    await choose(slack, ref, what)

    assert ["This is expired already. Nothing was changed."] == await slack.whispered("U1BO")


# Editing


async def edited(slack, **answers):
    """What comes of handing the edit modal in."""
    slack.engine.offered = (ToolOffer("files.write", "Write a file.", SCHEMA),)
    ref = await slack.card(args=canonical_text({"path": "a", "text": "b\n"}))
    await choose(slack, ref, "edit")
    return await submit(slack, **{f"arg:{name}": answer for name, answer in answers.items()})


async def test_edit(slack):
    """
    Edited arguments go to the engine whole: what was touched as it was written, the rest as it was.
    """
    result = await edited(slack, path="c.md", lines="3")
    [(approval_id, text)] = slack.engine.edits

    assert (True, "ap_1") == (result["ok"], approval_id)
    assert {"path": "c.md", "text": "b\n", "lines": 3} == json.loads(text)


async def test_edit_of_an_old_version(slack):
    """
    A form that was opened on an older version changes nothing.
    """
    ref = await slack.card(args=canonical_text({"path": "a"}))
    await choose(slack, ref, "edit")
    slack.engine.reviews["ap_1"] = an_approval(version=2, args=canonical_text({"path": "b"}))
    await submit(slack, **{"arg:path": '"c"'})

    assert "This approval has a newer version." in str(slack.modal("U1BO")["blocks"])
    assert [] == slack.engine.edits


async def test_edit_is_no_value(slack):
    """
    What is no value of its kind is told at its input.
    """
    result = await edited(slack, tags="[1")

    assert ["arg:tags"] == list(result["errors"])
    assert [] == slack.engine.edits


@pytest.mark.parametrize(("pointer", "block"), [("/tags/0", "arg:tags"), ("", "arg:path")])
async def test_edit_is_against_the_schema(slack, pointer, block):
    """
    What the engine finds wrong is told at the argument that it names.
    """
    slack.engine.broken = [BadRequest("must be text", pointer)]

    assert {block: "must be text"} == (await edited(slack, tags="[1]"))["errors"]


async def test_edit_not_durable(slack):
    """
    A form whose commit fails is not acknowledged: Slack says so, and the modal stays.
    """
    slack.engine.broken = [StoreError()]
    result = await edited(slack, path="c")

    assert (False, "http_error") == (result["ok"], result["reason"])
    assert "modal" == slack.modal("U1BO")["type"]


async def test_edit_not_yet_durable(slack, monkeypatch):
    """
    A form is acknowledged after its commit: while it lasts, other people are answered and this one is not.
    """
    begun, durable, edit = asyncio.Event(), asyncio.Event(), slack.engine.edit

    async def slow(*args, **more):
        begun.set()
        await durable.wait()
        return await edit(*args, **more)

    monkeypatch.setattr(slack.engine, "edit", slow)
    handed_in = asyncio.create_task(edited(slack, path="c"))
    await begun.wait()
    await slack.people.command("ada", "ops", "/ironclaw", "help")
    meanwhile = slack.deliveries("view_submission")
    durable.set()

    assert ([[]], True) == (meanwhile, (await handed_in)["ok"])
    assert [[200]] == slack.deliveries("view_submission")


async def test_edit_of_what_is_too_long(slack):
    """
    What no input of Slack's can hold cannot be edited there, and the clicker is told.
    """
    ref = await slack.card(args=LONG)
    await choose(slack, ref, "edit")
    [sentence] = await slack.whispered("U1BO")

    assert "An argument has more than the 3,000 characters that Slack can edit." == sentence


# Remembering


@pytest.mark.parametrize("scope", list(GrantScope))
async def test_approve_and_remember(slack, scope):
    """
    Where the terms allow it, a yes can be remembered for as far as is chosen.
    """
    ref = await slack.card(terms=REMEMBERED)
    await choose(slack, ref, "remember")
    await submit(slack, scope=scope.value)

    assert (ApprovalState.APPROVED, [scope]) == (state(slack), slack.engine.granted)


async def test_nothing_to_remember(slack):
    """
    Where the terms allow none, the menu does not offer it.
    """
    ref = await slack.card()
    menu = str(slack.channel("ops").message(ref["ts"])["blocks"])

    assert ("Edit the arguments…" in menu, "remember" in menu) == (True, False)


# A second factor


async def test_step_up(slack):
    """
    A click that needs a second factor is answered with the link to its page, for the clicker alone.
    """
    ref = await slack.card(terms=Terms(step_up=True))
    await slack.people.click("bo", "ops", ref["ts"], "ironclaw_approve")
    await slack.settle()
    [whisper] = slack.channel("ops").ephemerals

    assert ("U1BO", ApprovalState.PENDING) == (whisper["to"], state(slack))
    assert "https://gate.test/step-up/ap_1" == whisper["blocks"][1]["elements"][0]["url"]
    assert "the code of your authenticator app. Open the page to give it." in whisper["text"]


async def test_step_up_in_a_form(slack):
    """
    The same for a yes that was to be remembered, when policy has tightened meanwhile: the modal has the link.
    """
    ref = await slack.card(terms=REMEMBERED)
    await choose(slack, ref, "remember")
    slack.engine.reviews["ap_1"] = an_approval(terms=replace(REMEMBERED, step_up=True))
    await submit(slack, scope="tool")

    assert "https://gate.test/step-up/ap_1" in str(slack.modal("U1BO")["blocks"])


# App Home


async def opened(slack, user="bo"):
    await slack.people.open_home(user)
    await slack.settle()
    return slack.home(slack.playground.world.team("T0001").user(user)["id"])


async def test_home_decides(slack):
    """
    An approver's Home shows what waits for them, whole, and a press there counts.
    """
    await slack.card(args=canonical_text({"path": "a", "text": "exactly this"}))
    view = await opened(slack)
    assert 'text: \\"exactly this\\"' in json.dumps(view, ensure_ascii=False)

    await slack.people.click_in_view("bo", view["id"], "ironclaw_approve")
    assert ApprovalState.APPROVED is state(slack)


async def test_home_of_the_requester(slack):
    """
    Who may not decide sees in a line what waits, and has nothing to press.
    """
    await slack.card()
    view = await opened(slack, "ada")

    assert "*files.write* for <@U1ADA>" in str(view)
    assert "actions" not in [block["type"] for block in view["blocks"]]


async def test_home_is_updated(slack):
    """
    When a card that stands in a Home is decided elsewhere, that Home is drawn anew.
    """
    ref = await slack.card()
    await opened(slack)
    await slack.people.click("bo", "ops", ref["ts"], "ironclaw_deny")
    [_, home] = slack.engine.cards.refs["ap_1"]
    again = await slack.sender.send(notice(NoticeKind.CARD, {"card": "ap_1"}, ref=home, **home))

    assert home == again
    assert "Nothing waits for you." in str(slack.home("U1BO"))


async def test_home_says_why_not(slack):
    """
    There is no channel to whisper in: what was not decided is told in a modal.
    """
    await slack.card()
    view = await opened(slack)
    slack.engine.reviews["ap_1"] = an_approval(state=ApprovalState.EXPIRED)
    await slack.people.click_in_view("bo", view["id"], "ironclaw_approve")
    await slack.settle()

    assert "Nobody decided in time; nothing was run." in str(slack.modal("U1BO")["blocks"])


async def test_another_home(slack):
    """
    A card counts in the Homes that were given it, and in no other.
    """
    await slack.card()
    view = await opened(slack, "ada")
    view["blocks"] = slack.channel("ops").messages[-1]["blocks"]
    acme = slack.engine.tenant("acme").model_copy(update={"self_approval": True})
    slack.engine.tenant = {"acme": acme}.get
    await slack.people.click_in_view("ada", view["id"], "ironclaw_approve")
    await slack.settle()

    assert ELSEWHERE in str(slack.modal("U1ADA")["blocks"])


async def test_revoke(slack):
    """
    Home lists what runs without asking, and a press ends it there.
    """
    slack.engine.remembered = [A_GRANT]
    view = await opened(slack)
    await slack.people.click_in_view("bo", view["id"], "ironclaw_revoke")
    await slack.settle()

    assert ([], True, False) == (
        slack.engine.remembered,
        "*mail.send* for <@U1ADA>" in str(view),
        "mail.send" in str(slack.home("U1BO")),
    )


async def test_reminder(slack):
    """
    A reminder says what still waits; of what is decided there is none.
    """
    slack.engine.reviews["ap_1"] = an_approval()
    slack.engine.reviews["ap_2"] = an_approval(id="ap_2", tool="mail.send", state=ApprovalState.DENIED)
    await slack.sender.send(notice(NoticeKind.REMINDER, {"card": "ap_1"}))
    slack.engine.reviews["ap_1"] = an_approval(state=ApprovalState.DENIED)
    await slack.sender.send(notice(NoticeKind.REMINDER, {"card": "ap_1"}))

    [text] = [one["text"] for one in slack.channel("ops").messages]
    assert text.startswith("*files.write* for <@U1ADA> still waits for a decision, until <!date^1800003600^")


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        (NoticeKind.CARD, "card"),
        (NoticeKind.DOUBT, "doubt"),
        (NoticeKind.QUESTION, "question"),
        (NoticeKind.REMINDER, "question"),
    ],
)
async def test_what_was_forgotten(slack, kind, what):
    """
    Of what is not there any more nothing is drawn, and it is not tried again.
    """
    ref = await slack.sender.send(notice(kind, {what: "gone"}))

    assert (None, []) == (ref, slack.channel("ops").messages)


# User groups


@pytest.fixture
def of_group(slack):
    """The tenant's group "leads" is the user group S1LEADS, in which Cy is."""
    tenant = TenantSettings(slack=("T0001",), groups={"leads": ("@S1LEADS",)})
    slack.engine.slack_groups.tenancy._tenants["acme"] = tenant
    slack.engine.tenant = {"acme": tenant}.get
    return slack


async def press(slack, user):
    ref = await slack.card()
    await slack.people.click(user, "ops", ref["ts"], "ironclaw_approve")
    await slack.settle()


async def test_user_group(of_group):
    """
    Who is in the user group that a group names is asked of Slack before they decide.
    """
    await press(of_group, "cy")

    assert ApprovalState.APPROVED is state(of_group)


async def test_not_in_the_user_group(of_group):
    """
    Nobody else of the workspace may.
    """
    await press(of_group, "bo")

    assert ApprovalState.PENDING is state(of_group)


async def test_slack_does_not_say_who_is_in_it(of_group):
    """
    When Slack does not say, the group is nobody, whoever was in it before; and it is asked again.
    """
    groups = of_group.homes.groups
    await groups.refresh("acme")
    groups._good_until.clear()
    of_group.playground.hub.faults.add("api", "error500", "usergroups.users.list")
    await press(of_group, "cy")
    assert ApprovalState.PENDING is state(of_group)

    await press(of_group, "cy")
    assert ApprovalState.APPROVED is state(of_group)


async def test_user_group_is_kept_for_a_while(of_group):
    """
    Slack is asked once in five minutes, and hears of no group where none decides.
    """
    await press(of_group, "cy")
    await press(of_group, "cy")
    asked = [one for one in of_group.playground.journal if one.get("method") == "usergroups.users.list"]

    assert 1 == len(asked)
