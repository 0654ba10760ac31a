"""The Slack door against the playground: over signed HTTP and over Socket Mode."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from tests.fakes.approvals import NOW, an_approval, settings
from tests.fakes.card_reader import arguments
from tests.fakes.slack_door import APP_TOKEN, Slack, notice

from ironclaw.canonical import canonical
from ironclaw.errors import StoreError, TryLater
from ironclaw.task import ApprovalState, NoticeKind, Vote
from ironclaw.task import Decision as Said
from ironclaw.terms import Group, Terms
from ironclaw_bot.slack.app import LISTENERS
from ironclaw_bot.slack.client import METHODS
from ironclaw_bot.slack.door import SlackSocket
from ironclaw_bot.slack.drawings import UNKNOWN_WORKSPACE
from ironclaw_bot.slack.people import GUEST, NO_GUESTS, NO_OUTSIDERS, NOT_KNOWN, UNKNOWN


@pytest.fixture
async def socket(playground):
    """Over Socket Mode."""
    configuration = settings(slack_api_url=playground.url + "/api/")
    slack = Slack(playground, configuration)
    connection = SlackSocket(slack.bolt, APP_TOKEN, configuration.slack_api_url)
    await connection.start()
    yield slack
    await slack.settle()
    await connection.stop()


async def test_mention(slack):
    """
    A mention is submitted before Slack gets its 200, with the thread to answer in.
    """
    said = slack.people.say("ada", "general", '@ironclaw files.write path=a text="b"')
    await slack.settle()
    [task] = slack.engine.tasks

    assert [[200]] == slack.deliveries("app_mention")
    assert ("slack:T0001:U1ADA", 'files.write path=a text="b"') == (task.requester, task.text)
    assert {
        "team": "T0001",
        "channel": "C1GENERAL",
        "channel_type": "channel",
        "user": "U1ADA",
        "thread_ts": said["ts"],
    } == task.reply_to.place


async def test_direct_message(slack):
    """
    A direct message is a task; the bot's own words in the same place are not.
    """
    slack.people.say("ada", "@ironclaw", "files.list")
    await slack.client("").chat_postMessage(channel="U1ADA", text="x", unfurl_links=False, unfurl_media=False)
    await slack.settle()

    assert ["files.list"] == [task.text for task in slack.engine.tasks]


async def test_edit_is_no_task(slack):
    """
    Changing a message does not ask again.
    """
    said = slack.people.say("ada", "@ironclaw", "files.list")
    slack.people.edit("ada", "@ironclaw", said["ts"], "files.list please")
    await slack.settle()

    assert 1 == len(slack.engine.tasks)


async def test_delivered_twice(slack):
    """
    An event that Slack delivers twice is one task.
    """
    slack.playground.hub.faults.add("delivery", "double", "app_mention")
    slack.people.say("ada", "general", "@ironclaw files.list")
    await slack.settle()

    assert [[200, 200]] == slack.deliveries("app_mention")
    assert 1 == len(slack.engine.tasks)


async def test_not_durable_not_acknowledged(slack):
    """
    When the commit fails, Slack gets a 500 and delivers again, and nothing is lost.
    """
    slack.engine.broken = [StoreError(), StoreError()]
    slack.people.say("ada", "general", "@ironclaw files.list")
    await slack.settle()

    assert [[500, 500, 200]] == slack.deliveries("app_mention")
    assert 1 == len(slack.engine.tasks)


async def test_refused_task(slack):
    """
    A task that is not taken is answered durably, and not delivered again.
    """
    slack.people.say("ada", "general", "@ironclaw full")
    await slack.settle()

    assert [[200]] == slack.deliveries("app_mention")
    assert ["Too many tasks wait already <now>."] == [text for _, text in slack.engine.refused]


@pytest.mark.parametrize("words", ["", " help"])
async def test_help_by_mention(slack, words):
    """
    A mention that says nothing, or help, is told how to go on.
    """
    slack.people.say("ada", "general", f"@ironclaw{words}")
    await slack.settle()

    assert [] == slack.engine.tasks
    assert "@ironclaw help TOOL" in slack.engine.refused[0][1]
    assert "files.write - Write a file & <more>." in slack.engine.refused[0][1]


async def test_unknown_workspace(slack):
    """
    A workspace that is no tenant's gets a polite refusal in its thread, and nothing is kept.
    """
    said = slack.people.say("dee", "general", "@ironclaw files.list", team="T0002")
    await slack.settle()
    reply = slack.channel("general", "T0002").messages[-1]

    assert (UNKNOWN_WORKSPACE, said["ts"]) == (reply["text"], reply["thread_ts"])
    assert ([], []) == (slack.engine.tasks, slack.engine.refused)


async def test_unknown_workspace_once(slack):
    """
    However often Slack delivers it, the refusal is said once.
    """
    slack.playground.hub.faults.add("delivery", "double", match="app_mention")
    slack.people.say("dee", "general", "@ironclaw files.list", team="T0002")
    await slack.settle()

    assert 1 == sum(bool(one.get("bot_id")) for one in slack.channel("general", "T0002").messages)


async def test_approve(slack):
    """
    An approver's click decides, with the clicker's identity.
    """
    ref = await slack.card()
    result = await slack.people.click("bo", "ops", ref["ts"], "ironclaw_approve")

    assert result["ok"]
    assert Vote("slack:T0001:U1BO", Said.APPROVE, NOW) == slack.engine.reviews["ap_1"].votes[0]


async def test_deny(slack):
    """
    The other button denies.
    """
    ref = await slack.card()
    await slack.people.click("bo", "ops", ref["ts"], "ironclaw_deny")

    assert ApprovalState.DENIED is slack.engine.reviews["ap_1"].state


async def test_not_an_approver(slack):
    """
    Anybody else's click decides nothing, and they alone are told.
    """
    ref = await slack.card()
    await slack.people.click("cy", "ops", ref["ts"], "ironclaw_approve")

    assert ["Only <@U1BO>, <@U1GIL> or <@U9EVE> can decide this."] == await slack.whispered("U1CY")
    assert ApprovalState.PENDING is slack.engine.reviews["ap_1"].state


async def test_second_click(slack):
    """
    Whoever clicks second learns who decided, and when.
    """
    ref = await slack.card(state=ApprovalState.DENIED, votes=(Vote("slack:T0001:U1ADA", Said.DENY, NOW),))
    slack.engine.reviews["ap_2"] = an_approval(id="ap_2", card="ap_2")
    ref = await slack.show("ap_2")
    slack.engine.reviews["ap_2"] = replace(slack.engine.reviews["ap_1"], id="ap_2", card="ap_2")
    await slack.people.click("bo", "ops", ref["ts"], "ironclaw_approve")
    [sentence] = await slack.whispered("U1BO")

    assert sentence.startswith("Already decided by <@U1ADA> at <!date^1800000000^")


async def test_expired_click(slack):
    """
    A click that comes too late is told so.
    """
    ref = await slack.card()
    slack.engine.reviews["ap_1"] = an_approval(state=ApprovalState.EXPIRED)
    await slack.people.click("bo", "ops", ref["ts"], "ironclaw_approve")

    assert ["Nobody decided in time; nothing was run."] == await slack.whispered("U1BO")


async def _in_general(slack):
    slack.engine.reviews["ap_1"] = an_approval()
    return await slack.show("ap_1", "C1GENERAL")


@pytest.mark.parametrize(
    ("user", "user_id", "sentence"),
    [
        ("gil", "U1GIL", GUEST),
        ("eve", "U9EVE", "Only <@U1BO>, <@U1GIL> or <@U9EVE> can decide this."),
    ],
)
async def test_outsiders(slack, user, user_id, sentence):
    """
    A guest and a person of another company decide nothing, though their names are on the list.
    """
    ref = await _in_general(slack)
    await slack.people.click(user, "general", ref["ts"], "ironclaw_approve")
    await slack.settle()

    assert [(user_id, sentence)] == [(one["to"], one["text"]) for one in slack.channel("general").ephemerals]
    assert ApprovalState.PENDING is slack.engine.reviews["ap_1"].state


async def test_somebody_of_another_company_asks(slack):
    """
    In a channel shared with another company, its people's mentions run nothing: what is here is not theirs.
    """
    slack.people.say("eve", "general", "@ironclaw files.list")
    slack.people.say("ada", "general", "@ironclaw files.list")
    await slack.settle()

    assert ["slack:T0001:U1ADA"] == [task.requester for task in slack.engine.tasks]
    assert [NO_OUTSIDERS] == [text for _, text in slack.engine.refused]


async def test_guests_stay_out(slack):
    """
    A guest's mention, command and Home give nothing but the reason.
    """
    slack.engine.reviews["ap_1"] = an_approval()
    slack.people.say("gil", "general", "@ironclaw files.list")
    await slack.people.open_home("gil")
    await slack.settle()
    home = slack.playground.world.team("T0001").homes["U1GIL"]

    assert [NO_GUESTS] == [text for _, text in slack.engine.refused]
    assert NO_GUESTS in await reply_to(slack, "run files.list", "gil")
    assert NO_GUESTS in await reply_to(slack, "approvals", "gil")
    assert (True, False) == (NO_GUESTS in str(home), "files.write" in str(home))
    assert [] == slack.engine.tasks


async def test_guests_where_the_tenant_lets_them(slack):
    """
    With guests = true a guest asks like anybody; somebody of another company still does not.
    """
    acme = slack.engine.tenant("acme").model_copy(update={"guests": True})
    slack.engine.tenant = {"acme": acme}.get
    slack.people.say("gil", "general", "@ironclaw files.list")
    slack.people.say("eve", "general", "@ironclaw files.list")
    await slack.settle()

    assert ["slack:T0001:U1GIL"] == [task.requester for task in slack.engine.tasks]
    assert [NO_OUTSIDERS] == [text for _, text in slack.engine.refused]
    assert NO_OUTSIDERS in await reply_to(slack, "help", "eve")


async def test_slack_cannot_say_who_asks(slack):
    """
    When Slack does not say who somebody is, nothing is done for them; asked again, it is.
    """
    slack.playground.hub.faults.add("api", "ratelimited", "users.info")
    slack.people.say("ada", "general", "@ironclaw files.list")
    await slack.settle()
    assert ([], [NOT_KNOWN]) == (slack.engine.tasks, [text for _, text in slack.engine.refused])

    slack.people.say("ada", "general", "@ironclaw files.list")
    await slack.settle()
    assert 1 == len(slack.engine.tasks)


async def test_details_for_outsiders(slack):
    """
    Somebody of another company is not shown the arguments.
    """
    ref = await _in_general(slack)
    slack.engine.reviews["ap_1"] = an_approval(args=canonical({"text": "x" * 5000}).decode())
    await slack.sender.send(notice(NoticeKind.CARD, {"card": "ap_1"}, channel="C1GENERAL", ref=ref))
    await slack.people.click("eve", "general", ref["ts"], "ironclaw_details")
    await slack.settle()

    assert [NO_OUTSIDERS] == [one["text"] for one in slack.channel("general").ephemerals]
    assert {} == slack.playground.world.team("T0001").views


@pytest.mark.parametrize("words", ["status", "approvals", "Status wf_1"])
async def test_words_of_the_command(slack, words):
    """
    A mention with a word of the command is told where that is typed.
    """
    slack.people.say("ada", "general", f"@ironclaw {words}")
    await slack.settle()

    said = f"For that type /ironclaw {words.lower()}: only you will see the reply."
    assert ([], [said]) == (slack.engine.tasks, [text for _, text in slack.engine.refused])


async def test_slack_cannot_say(slack):
    """
    When Slack does not say who is a guest, nobody decides; and the next click asks again.
    """
    ref = await slack.card()
    slack.playground.hub.faults.add("api", "ratelimited", "users.info")
    await slack.people.click("bo", "ops", ref["ts"], "ironclaw_approve")

    assert [UNKNOWN] == await slack.whispered("U1BO")
    await slack.people.click("bo", "ops", ref["ts"], "ironclaw_approve")
    assert ApprovalState.APPROVED is slack.engine.reviews["ap_1"].state


async def test_details(slack):
    """
    A card with a cut value opens a modal with all of it, whoever asks.
    """
    args = {"path": "a", "text": "x" * 5000}
    ref = await slack.card(args=canonical(args).decode())
    await slack.people.click("cy", "ops", ref["ts"], "ironclaw_details")
    await slack.settle()
    [view] = slack.playground.world.team("T0001").views.values()

    assert ("U1CY", args) == (view["user"], arguments(view))


async def test_details_elsewhere(slack):
    """
    The details of another tenant's approval are not to be seen.
    """
    ref = await slack.card(args=canonical({"text": "x" * 5000}).decode())
    slack.engine.reviews["ap_1"] = an_approval(tenant="globex")
    await slack.people.click("cy", "ops", ref["ts"], "ironclaw_details")

    assert ["There is no such approval here."] == await slack.whispered("U1CY")


async def test_decision_not_durable(slack):
    """
    A click whose commit fails is not acknowledged: Slack shows the person a warning.
    """
    ref = await slack.card()
    slack.engine.broken = [StoreError()]
    result = await slack.people.click("bo", "ops", ref["ts"], "ironclaw_approve")

    assert (False, 500) == (result["ok"], result["status"])


async def reply_to(slack, text, user="ada", team="T0001"):
    """What the person alone is shown, as one text."""
    await slack.people.command(user, "general", "/ironclaw", text, team=team)
    return str(slack.channel("general", team).ephemerals[-1]["blocks"])


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "Write a file &amp; &lt;more&gt;."),
        ("help", "`@ironclaw TOOL name=value`"),
        ("dance", "There is no `/ironclaw dance`."),
        ("dance", "`/ironclaw run TASK`"),
        ("run", "Nothing to run: write it after `run`, such as `/ironclaw run files.list`."),
        ("run full", "Too many tasks wait already &lt;now&gt;."),
        ("run files.list", "Started: files.list"),
        ("status", "No task yet."),
        ("status wf_9", "There is no such task here."),
        ("approvals", "Nothing waits for a decision."),
        ("grants", "Nothing: everything that needs a person asks one."),
    ],
)
async def test_command(slack, text, part):
    """
    Each word of the command has its reply.
    """
    assert part in await reply_to(slack, text)


async def test_command_run(slack):
    """
    What a command runs is a task of the person who typed it.
    """
    await reply_to(slack, "run text.grep pattern=“a b”")

    [task] = slack.engine.tasks
    assert ("slack:T0001:U1ADA", 'text.grep pattern="a b"') == (task.requester, task.text)
    assert re.fullmatch(r"T0001:\S+", task.delivery[1])
    assert "text.grep" in await reply_to(slack, "status")
    assert "*done*" in await reply_to(slack, "status wf_1")


async def test_command_run_opens_a_thread(slack):
    """
    What a command runs is durable before anything is posted: the outbox then opens its thread.
    """
    await reply_to(slack, "run files.list <x>")
    slack.people.say("ada", "general", "@ironclaw files.list")
    await slack.settle()

    assert [True, False] == [task.opens_thread for task in slack.engine.tasks]
    assert [] == [one for one in slack.channel("general").messages if one.get("bot_id")]


async def test_command_approvals(slack):
    """
    What waits is listed with its requester, for this tenant alone.
    """
    slack.engine.reviews = {"a": an_approval(id="a"), "b": an_approval(id="b", tenant="globex")}
    reply = await reply_to(slack, "approvals")

    assert "*files.write* for <@U1ADA>" in reply
    assert 1 == reply.count("files.write")


async def test_command_elsewhere(slack):
    """
    A command from a workspace that is no tenant's is refused politely.
    """
    assert UNKNOWN_WORKSPACE in await reply_to(slack, "run files.list", "dee", "T0002")
    assert [] == slack.engine.tasks


async def test_home(slack):
    """
    Opening Home shows what waits.
    """
    slack.engine.reviews["ap_1"] = an_approval()
    await slack.people.open_home("ada")
    await slack.settle()

    assert "files.write" in str(slack.playground.world.team("T0001").homes["U1ADA"]["blocks"])


async def test_rest_is_acknowledged(slack):
    """
    Every event of the manifest, and buttons of nobody's, get a 200: a 404 would make Slack repeat them.
    """
    slack.people.uninstall()
    await slack.people.stop_session("ada", "general", "17.000001")
    await slack.settle()

    assert [[200]] == slack.deliveries("app_uninstalled")
    assert [[200]] == slack.deliveries("tokens_revoked")
    assert [[200]] == slack.deliveries("agent_session_stopped")


async def test_listeners_and_methods():
    """
    The manifest's test knows what is heard and called.
    """
    assert {"ironclaw_approve", "ironclaw_deny", "ironclaw_more"} <= LISTENERS.actions
    assert {"chat.postMessage", "chat.update", "chat.postEphemeral"} <= METHODS


async def test_card_is_updated(slack):
    """
    A decided review changes its card in place, and the buttons go.
    """
    ref = await slack.card()
    slack.engine.reviews["ap_1"] = an_approval(
        state=ApprovalState.DENIED, votes=(Vote("slack:T0001:U1BO", Said.DENY, NOW),)
    )
    again = await slack.sender.send(notice(NoticeKind.CARD, {"card": "ap_1"}, ref=ref))
    [message] = slack.channel("ops").messages

    assert ref == again
    assert "Denied: files.write" == message["text"]
    assert "actions" not in [block["type"] for block in message["blocks"]]


@pytest.mark.parametrize(
    "kind", [NoticeKind.STATUS, NoticeKind.ANSWER, NoticeKind.FAILURE, NoticeKind.REFUSAL]
)
async def test_words_in_thread(slack, kind):
    """
    Status, answer, failure and refusal stand in the thread, without power over anybody.
    """
    said = slack.people.say("ada", "ops", "hello")
    await slack.sender.send(notice(kind, {"text": "a <!channel> & b"}, thread_ts=said["ts"]))
    message = slack.channel("ops").messages[-1]

    assert ("a &lt;!channel&gt; &amp; b", said["ts"]) == (message["text"], message["thread_ts"])


async def test_status_is_updated(slack):
    """
    Newer progress takes the place of older.
    """
    ref = await slack.sender.send(notice(NoticeKind.STATUS, {"text": "Working on it."}))
    await slack.sender.send(notice(NoticeKind.STATUS, {"text": "Done."}, ref=ref))

    assert ["Done."] == [message["text"] for message in slack.channel("ops").messages]


async def test_who_is_waited_for(slack):
    """
    A status that waits for people names the approvers, but not the one who asked.
    """
    slack.engine.reviews["ap_1"] = an_approval(requester="slack:T0001:U1GIL")
    body = {"text": "Waiting for approval.", "asked_by": "slack:T0001:U1GIL"}
    await slack.sender.send(notice(NoticeKind.STATUS, body))

    said = [one["text"] for one in slack.channel("ops").messages]
    assert ["Waiting for <@U1BO> or <@U9EVE> to decide."] == said


async def test_nobody_to_wait_for(slack):
    """
    A rule that asks for a group that is not there: the thread and the card say so, and a click too.
    """
    problem = "Nobody of finance exists here: set [tenants.acme.groups]."
    ref = await slack.card(terms=Terms(groups=frozenset({Group("finance")})))
    await slack.sender.send(notice(NoticeKind.STATUS, {"text": "Waiting.", "asked_by": "slack:T0001:U1ADA"}))
    await slack.people.click("cy", "ops", ref["ts"], "ironclaw_approve")

    card, status = slack.channel("ops").messages
    assert problem in str(card["blocks"])
    assert problem == status["text"]
    assert problem in (await slack.whispered("U1CY"))[0]


async def test_who_denied_is_mentioned(slack):
    """
    A failure that begins with who denied mentions them; the rest has no power.
    """
    by = "slack:T0001:U1BO"
    text = f"{by} denied files.write. Nothing was run. Reason: <!here> {by}"
    await slack.sender.send(notice(NoticeKind.FAILURE, {"text": text, "by": by}))

    said = f"<@U1BO> denied files.write. Nothing was run. Reason: &lt;!here&gt; {by}"
    assert [said] == [one["text"] for one in slack.channel("ops").messages]


async def test_pause(slack):
    """
    When Slack asks for a pause, the notice waits as long as it says.
    """
    slack.playground.hub.faults.add("api", "ratelimited", "chat.postMessage", seconds=7)

    with pytest.raises(TryLater) as pause:
        await slack.sender.send(notice(NoticeKind.STATUS, {"text": "x"}))
    assert 7.0 == pause.value.seconds


async def test_slack_is_down(slack):
    """
    A fault of Slack's leaves the notice in the outbox.
    """
    slack.playground.hub.faults.add("api", "error500", "chat.postMessage")

    with pytest.raises(TryLater):
        await slack.sender.send(notice(NoticeKind.STATUS, {"text": "x"}))


async def test_nowhere_to_speak(slack):
    """
    What Slack will not have is given up; there is nobody else to tell.
    """
    assert await slack.sender.send(notice(NoticeKind.STATUS, {"text": "x"}, channel="C404")) is None


async def test_shut_out(slack):
    """
    Where the bot may not speak, the person who asked is written to directly.
    """
    await slack.sender.send(notice(NoticeKind.ANSWER, {"text": "42"}, channel="C1RANDOM", user="U1ADA"))
    team = slack.playground.world.team("T0001")

    assert ["42"] == [message["text"] for message in team.dm("U1ADA").messages]


async def test_unknown_approval(slack):
    """
    A card of an approval that is gone is given up.
    """
    assert await slack.sender.send(notice(NoticeKind.CARD, {"approval_id": "ap_9"})) is None


async def test_socket_mode(socket):
    """
    Over Socket Mode the same: a mention, a click and a command.
    """
    socket.people.say("ada", "general", "@ironclaw files.list")
    await socket.settle()
    ref = await socket.card()
    await socket.people.click("bo", "ops", ref["ts"], "ironclaw_approve")

    assert ["files.list"] == [task.text for task in socket.engine.tasks]
    assert ApprovalState.APPROVED is socket.engine.reviews["ap_1"].state
    assert "files.list" in await reply_to(socket, "status")


async def test_socket_not_durable(socket):
    """
    Over Socket Mode too, what was not committed is delivered again.
    """
    socket.engine.broken = [StoreError()]
    socket.people.say("ada", "general", "@ironclaw files.list")
    await socket.settle()

    assert 1 == len(socket.engine.tasks)
    assert 2 == len(socket.deliveries("app_mention")[0])
