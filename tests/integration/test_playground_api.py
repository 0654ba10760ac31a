"""The playground's Web API, its control API, and what it keeps away."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient
from tests.fakes.echo import MODAL, QUIET, button
from tests.fakes.slack import TOKENS, Slack, running

from ironclaw_bot.playground import SlackError
from ironclaw_bot.playground.seed import DEFAULT_SCOPES

ALL_SCOPES = DEFAULT_SCOPES | {"channels:read", "channels:history", "groups:read", "reactions:write"}


@pytest.fixture
async def slack() -> AsyncIterator[Slack]:
    async with running(scopes=ALL_SCOPES) as slack:
        yield slack


@pytest.fixture
def client(slack: Slack) -> AsyncWebClient:
    return AsyncWebClient(TOKENS["T0001"], base_url=slack.url + "/api/")


@pytest.fixture
async def http(slack: Slack) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(slack.url) as session:
        yield session


async def answer(response: aiohttp.ClientResponse) -> Any:
    return json.loads(await response.text())


BEARER = {"Authorization": f"Bearer {TOKENS['T0001']}"}


async def test_body_forms(slack: Slack, http: aiohttp.ClientSession) -> None:
    """
    JSON, a form and a query say the same.
    """
    args = {"channel": "C1OPS", "text": "x", "unfurl_links": "false", "unfurl_media": "false"}
    await http.post("/api/chat.postMessage", headers=BEARER, json={**args, **QUIET})
    await http.post("/api/chat.postMessage", data={**args, "token": TOKENS["T0001"]})
    await http.post("/api/chat.postMessage", headers=BEARER, params=args)

    assert slack.texts("ops") == ["x", "x", "x"]


@pytest.mark.parametrize(
    ("method", "headers", "error"),
    [
        ("auth.test", {}, "not_authed"),
        ("auth.test", {"Authorization": "Bearer nonsense"}, "invalid_auth"),
        ("chat.teleport", BEARER, "unknown_method"),
        ("apps.connections.open", BEARER, "not_allowed_token_type"),
        ("views.open", BEARER, "invalid_arguments"),
    ],
)
async def test_refusals(
    http: aiohttp.ClientSession, method: str, headers: dict[str, str], error: str
) -> None:
    """
    A refused call says why in Slack's words, with status 200.
    """
    response = await http.post(f"/api/{method}", headers=headers, json={})

    assert (response.status, (await answer(response))["error"]) == (200, error)


async def test_missing_scope() -> None:
    """
    A call that the scopes do not cover names what is needed.
    """
    async with running(scopes=frozenset({"chat:write"})) as slack:
        client = AsyncWebClient(TOKENS["T0001"], base_url=slack.url + "/api/")

        with pytest.raises(SlackApiError) as refused:
            await client.users_list()
        assert refused.value.response["needed"] == "users:read"


async def test_message_life(slack: Slack, client: AsyncWebClient) -> None:
    """
    A message is posted, changed, linked to, reacted to and deleted.
    """
    ts = (await client.chat_postMessage(channel="C1OPS", text="one", **QUIET))["ts"]
    await client.chat_update(channel="C1OPS", ts=ts, text="two")
    await client.reactions_add(channel="C1OPS", timestamp=ts, name="eyes")
    link = (await client.chat_getPermalink(channel="C1OPS", message_ts=ts))["permalink"]

    assert (slack.texts("ops"), link) == (["two"], f"{slack.url}/#/T0001/C1OPS/{ts}")
    await client.chat_delete(channel="C1OPS", ts=ts)
    assert slack.texts("ops") == []


async def test_others_messages(slack: Slack, client: AsyncWebClient) -> None:
    """
    The bot cannot change or delete what a person wrote.
    """
    ts = slack.people.say("ada", "ops", "mine")["ts"]

    with pytest.raises(SlackApiError, match="cant_update_message"):
        await client.chat_update(channel="C1OPS", ts=ts, text="yours")
    with pytest.raises(SlackApiError, match="cant_delete_message"):
        await client.chat_delete(channel="C1OPS", ts=ts)


async def test_channels(client: AsyncWebClient) -> None:
    """
    The bot sees public channels and writes only where it is a member.
    """
    listed = await client.conversations_list(types="public_channel,private_channel")
    names = [channel["name"] for channel in listed["channels"]]

    assert names == ["general", "ops", "approvals", "random"]
    with pytest.raises(SlackApiError, match="not_in_channel"):
        await client.chat_postMessage(channel="C1RANDOM", text="x", **QUIET)


async def test_thread(slack: Slack, client: AsyncWebClient) -> None:
    """
    Replies come oldest first and stay out of the channel's history; metadata only when asked for.
    """
    parent = slack.people.say("ada", "ops", "question")["ts"]
    metadata = {"event_type": "approval", "event_payload": {"id": "a1"}}
    await client.chat_postMessage(channel="C1OPS", thread_ts=parent, text="reply", metadata=metadata, **QUIET)
    replies = await client.conversations_replies(channel="C1OPS", ts=parent)
    told = await client.conversations_replies(channel="C1OPS", ts=parent, include_all_metadata=True)
    history = await client.conversations_history(channel="C1OPS")

    assert [one["text"] for one in replies["messages"]] == ["question", "reply"]
    assert "metadata" not in replies["messages"][1]
    assert told["messages"][1]["metadata"] == metadata
    assert [one["text"] for one in history["messages"]] == ["question"]


async def test_people(client: AsyncWebClient) -> None:
    """
    A guest and a stranger can be told apart from a member.
    """
    users = {user["name"]: user for user in (await client.users_list())["members"]}

    assert users["gil"]["is_ultra_restricted"]
    assert users["eve"]["is_stranger"]
    assert users["eve"]["team_id"] == "T0009"
    assert not users["ada"]["is_restricted"]


async def test_invalid_blocks(client: AsyncWebClient) -> None:
    """
    A message that Slack would refuse is refused, with the reason.
    """
    blocks = [{"type": "actions", "elements": [button("approve", "has spaces")]}]

    with pytest.raises(SlackApiError, match="invalid_blocks") as refused:
        await client.chat_postMessage(channel="C1OPS", text="x", blocks=blocks, **QUIET)
    assert "opaque id" in refused.value.response["response_metadata"]["messages"][0]


async def test_invalid_view(slack: Slack, client: AsyncWebClient) -> None:
    """
    A view that Slack would refuse is refused, and the trigger stays good for no second try.
    """
    trigger = slack.hub.new_trigger("T0001", "U1ADA")
    view = {key: value for key, value in MODAL.items() if key != "submit"}

    with pytest.raises(SlackApiError, match="submit: missing"):
        await client.views_open(trigger_id=trigger, view=view)


async def test_view_stack(slack: Slack, client: AsyncWebClient) -> None:
    """
    Three views stack; a fourth is refused.
    """
    trigger = slack.hub.new_trigger("T0001", "U1ADA")
    top = (await client.views_open(trigger_id=trigger, view=MODAL))["view"]
    for _ in range(2):
        trigger = slack.hub.new_trigger("T0001", "U1ADA", top["id"])
        top = (await client.views_push(trigger_id=trigger, view=MODAL))["view"]

    trigger = slack.hub.new_trigger("T0001", "U1ADA", top["id"])
    with pytest.raises(SlackApiError, match="push_limit_reached"):
        await client.views_push(trigger_id=trigger, view=MODAL)


async def test_hash(client: AsyncWebClient) -> None:
    """
    An old hash loses the race for the Home tab.
    """
    home = {"type": "home", "blocks": [{"type": "divider"}]}
    first = (await client.views_publish(user_id="U1ADA", view=home))["view"]["hash"]
    await client.views_publish(user_id="U1ADA", view=home, hash=first)

    with pytest.raises(SlackApiError, match="hash_conflict"):
        await client.views_publish(user_id="U1ADA", view=home, hash=first)


async def test_statuses(slack: Slack, client: AsyncWebClient) -> None:
    """
    What the bot says it does is kept as a log, and a reply ends "is thinking".
    """
    ts = slack.people.say("ada", "ops", "question")["ts"]
    await client.assistant_threads_setStatus(channel_id="C1OPS", thread_ts=ts, status="is thinking")
    await client.agents_sessions_setStatus(
        channel_id="C1OPS", thread_ts=ts, status="suspended", title="Waits"
    )
    await client.chat_postMessage(channel="C1OPS", thread_ts=ts, text="done", **QUIET)

    log = slack.world.team("T0001").statuses
    assert [(one["status"], one["shown"]) for one in log] == [("is thinking", False), ("suspended", True)]


async def test_response_url(slack: Slack) -> None:
    """
    A response_url is good for five answers, and the sixth is refused.
    """
    url = slack.hub.new_response_url("T0001", "C1OPS", "U1ADA")
    webhook = AsyncWebhookClient(url)
    statuses = [(await webhook.send(text=f"{number}")).status_code for number in range(6)]

    assert statuses == [200] * 5 + [404]
    assert len(slack.world.team("T0001").channel("ops").ephemerals) == 5


async def test_response_url_late() -> None:
    """
    A response_url is worth nothing after half an hour.
    """
    now = [1_800_000_000.0]
    async with running(clock=lambda: now[0]) as slack:
        url = slack.hub.new_response_url("T0001", "C1OPS", "U1ADA")
        now[0] += 1801

        response = await AsyncWebhookClient(url).send(text="late")
        assert (response.status_code, "expired_url" in response.body) == (404, True)


async def test_control(slack: Slack, http: aiohttp.ClientSession) -> None:
    """
    The control API does what people do, and shows what one person sees.
    """
    said = {"user": "ada", "channel": "ops", "text": "hello"}
    posted = await answer(await http.post("/_/say", json=said))
    state = await answer(await http.get("/_/state", params={"user": "gil"}))

    assert posted["result"]["text"] == "hello"
    assert [channel["id"] for channel in state["channels"]] == ["C1GENERAL", "D1GIL"]


@pytest.mark.parametrize(
    ("action", "body", "error"),
    [
        ("say", {"user": "zed", "channel": "ops", "text": "x"}, "user_not_found"),
        ("say", {"user": "gil", "channel": "ops", "text": "x"}, "not_in_channel"),
        ("say", {"nobody": 1}, "invalid_arguments"),
        ("click", {"user": "bo", "channel": "ops", "ts": "1.000000", "action_id": "a"}, "message_not_found"),
        ("fault", {"on": "api", "do": "meteor"}, "invalid_arguments"),
        ("fly", {}, "unknown_action"),
    ],
)
async def test_control_refusals(
    http: aiohttp.ClientSession, action: str, body: dict[str, Any], error: str
) -> None:
    """
    A wrong order is refused with a word for it.
    """
    response = await http.post(f"/_/{action}", json=body)

    assert (response.status in (400, 404), (await answer(response))["error"]) == (True, error)


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
async def test_other_sites(http: aiohttp.ClientSession, headers: dict[str, str]) -> None:
    """
    Another web site, whatever it calls itself, gets nothing.
    """
    said = {"user": "ada", "channel": "ops", "text": "x"}
    written = await http.post("/_/say", json=said, headers=headers)
    read = await http.get("/_/state", headers=headers)

    assert (written.status, read.status) == (403, 403)


async def test_form_is_no_order(http: aiohttp.ClientSession) -> None:
    """
    An HTML form, which needs no preflight, cannot give orders.
    """
    response = await http.post("/_/reset", data={"a": "b"})

    assert response.status == 400


async def test_feed(slack: Slack, http: aiohttp.ClientSession) -> None:
    """
    The live feed tells what changed.
    """
    async with http.get("/_/feed") as feed:
        await feed.content.readuntil(b"\n\n")
        slack.people.say("ada", "ops", "hello")
        event = await feed.content.readuntil(b"\n\n")

    assert json.loads(event.removeprefix(b"data: ")) == {
        "kind": "changed",
        "team": "T0001",
        "channel": "C1OPS",
    }


async def test_loopback_only() -> None:
    """
    The playground refuses to be reachable from elsewhere.
    """
    with pytest.raises(ValueError, match="loopback only"):
        await Slack().start(host="0.0.0.0")


async def test_snapshot(tmp_path: Path) -> None:
    """
    Messages outlive the process, readable by their owner alone.
    """
    file = tmp_path / "slack.json"
    async with running(snapshot=file) as before:
        before.people.say("ada", "ops", "remember me")
    async with running(snapshot=file) as after:
        kept = after.texts("ops")

    assert kept == ["remember me"]
    assert file.stat().st_mode & 0o077 == 0


async def test_broken_snapshot(tmp_path: Path) -> None:
    """
    A file that is no snapshot is named and left alone.
    """
    file = tmp_path / "slack.json"
    file.write_text("{}")

    with pytest.raises(ValueError, match=r"slack\.json is no playground snapshot"):
        await Slack(snapshot=file).start()
    assert file.read_text() == "{}"


async def test_reset(slack: Slack) -> None:
    """
    A reset is the first morning again.
    """
    slack.people.say("ada", "ops", "hello")
    slack.reset()

    assert slack.texts("ops") == []


async def test_invite(slack: Slack, client: AsyncWebClient) -> None:
    """
    Whom a member invites is in that channel and in no other, and the channel reads so.
    """
    slack.people.invite("ada", "random", "@ironclaw")
    found = await client.conversations_members(channel="C1RANDOM")

    assert "U1IRONCLAW" in found["members"]
    assert ["<@U1IRONCLAW> has joined the channel"] == slack.texts("random")
    slack.people.invite("ada", "ops", "gil")
    assert "U1GIL" not in slack.world.team("T0001").channel("approvals").members


@pytest.mark.parametrize(
    ("user", "channel", "name", "code"),
    [
        ("gil", "ops", "ironclaw", "not_in_channel"),
        ("ada", "random", "nobody", "user_not_found"),
        ("ada", "ops", "ironclaw", "already_in_channel"),
        ("ada", "@ironclaw", "bo", "method_not_supported_for_channel_type"),
    ],
)
async def test_no_invitation(slack: Slack, user: str, channel: str, name: str, code: str) -> None:
    """
    Who is not in a channel invites nobody; nobody is invited twice, or into direct messages.
    """
    with pytest.raises(SlackError, match=code):
        slack.people.invite(user, channel, name)


async def test_labels() -> None:
    """
    The page gets the words to show beside people.
    """
    async with running(labels={"U1BO": "approver"}) as slack, aiohttp.ClientSession(slack.url) as http:
        state = await answer(await http.get("/_/state"))

    assert {"U1BO": "approver"} == state["labels"]
