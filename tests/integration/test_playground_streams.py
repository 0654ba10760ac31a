"""Streams and agent sessions in the playground."""

from __future__ import annotations

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from tests.fakes.slack import TOKENS, Slack, running

RECIPIENT = {"recipient_team_id": "T0001", "recipient_user_id": "U1ADA"}


def client_of(slack: Slack) -> AsyncWebClient:
    return AsyncWebClient(TOKENS["T0001"], base_url=slack.url + "/api/")


async def begin(slack: Slack) -> dict:
    """A stream in a thread of #ops: its channel and ts."""
    parent = slack.people.say("ada", "ops", "question")["ts"]
    args = {"channel": "C1OPS", "thread_ts": parent, **RECIPIENT}
    started = await client_of(slack).chat_startStream(**args, markdown_text="It ")
    return {"channel": "C1OPS", "ts": started["ts"]}


async def test_stream() -> None:
    """
    A stream grows by what is appended, and ends with its blocks.
    """
    async with running() as slack:
        place = await begin(slack)
        task = {"type": "task_update", "id": "t1", "title": "Read the file", "status": "complete"}
        await client_of(slack).chat_appendStream(**place, markdown_text="works.")
        await client_of(slack).chat_appendStream(**place, chunks=[task])
        await client_of(slack).chat_stopStream(**place, blocks=[{"type": "divider"}])

        message = slack.messages("ops")[1]
        assert message["text"] == "It works."
        assert [block["type"] for block in message["blocks"]] == ["plan", "markdown", "divider"]


async def test_ended_stream() -> None:
    """
    What was stopped takes no more.
    """
    async with running() as slack:
        place = await begin(slack)
        await client_of(slack).chat_stopStream(**place)

        with pytest.raises(SlackApiError, match="message_not_in_streaming_state"):
            await client_of(slack).chat_appendStream(**place, markdown_text="x")


async def test_five_minutes() -> None:
    """
    Slack ends a stream after five minutes by itself.
    """
    now = [1_800_000_000.0]
    async with running(clock=lambda: now[0]) as slack:
        place = await begin(slack)
        now[0] += 301

        with pytest.raises(SlackApiError, match="message_not_in_streaming_state"):
            await client_of(slack).chat_appendStream(**place, markdown_text="x")


async def test_stop_button() -> None:
    """
    The stop button ends the stream and tells the bot which.
    """
    async with running() as slack:
        place = await begin(slack)
        parent = slack.messages("ops")[0]["ts"]
        await slack.people.stop_session("ada", "ops", parent)
        await slack.courier.settle()

        with pytest.raises(SlackApiError, match="stopped_by_user"):
            await client_of(slack).chat_appendStream(**place, markdown_text="x")
        event = slack.deliveries("agent_session_stopped")[0]["payload"]["event"]
        assert (event["thread_ts"], event["streaming_message_ts"]) == (parent, [place["ts"]])


async def test_limits() -> None:
    """
    A stream in a channel names its recipient, and a piece has at most 12,000 characters.
    """
    async with running() as slack:
        place = await begin(slack)
        with pytest.raises(SlackApiError, match="recipient_user_id"):
            await client_of(slack).chat_startStream(channel="C1OPS", thread_ts=slack.messages("ops")[0]["ts"])
        with pytest.raises(SlackApiError, match="msg_too_long"):
            await client_of(slack).chat_appendStream(**place, markdown_text="x" * 12_001)
        with pytest.raises(SlackApiError, match="invalid_chunks"):
            await client_of(slack).chat_appendStream(**place, chunks=[{"type": "hologram"}])

        assert slack.messages("ops")[1]["text"] == "It "


async def test_missing_subscription() -> None:
    """
    "processing" without the stop event earns Slack's warning.
    """
    async with running(events=frozenset({"app_mention"})) as slack:
        answer = await client_of(slack).agents_sessions_setStatus(channel_id="C1OPS", status="processing")

        assert answer["warning"] == "missing_agent_session_stopped_event_subscription"
