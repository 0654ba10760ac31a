"""Trouble on demand: retries, doubles, drops, wrong signatures, a Web API that fails."""

from __future__ import annotations

import aiohttp
import pytest
from aiohttp import web
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient
from tests.fakes.slack import TOKENS, Slack, over_http, running

QUIET = {"unfurl_links": False, "unfurl_media": False}


class Listener:
    """A bot of one answer, which keeps the headers it saw."""

    def __init__(self, *statuses: int, headers: dict[str, str] | None = None) -> None:
        self.statuses = list(statuses)
        self.headers = headers
        self.seen: list[dict[str, str]] = []

    async def receive(self, request: web.Request) -> web.Response:
        self.seen.append(dict(request.headers))
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200, headers=self.headers)

    async def serve(self) -> web.AppRunner:
        site = web.Application()
        site.router.add_post("/", self.receive)
        runner = web.AppRunner(site)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner


async def mention(slack: Slack, listener: Listener) -> dict:
    """Says something and waits for the end of its delivery; the journal's entry."""
    runner = await listener.serve()
    slack.send_to(f"http://127.0.0.1:{runner.addresses[0][1]}/")
    slack.people.say("ada", "general", "@ironclaw hi")
    await slack.courier.settle()
    await runner.cleanup()
    return slack.deliveries("app_mention")[0]


async def test_retries() -> None:
    """
    An event that fails comes three more times, after no time, one minute and five, numbered and explained.
    """
    listener = Listener(500, 500, 500, 500)
    async with running() as slack:
        entry = await mention(slack, listener)

        assert slack.slept == [0.0, 60.0, 300.0]
        assert [one["retry_num"] for one in entry["attempts"]] == [0, 1, 2, 3]
        assert [seen.get("X-Slack-Retry-Num") for seen in listener.seen] == [None, "1", "2", "3"]
        assert listener.seen[1]["X-Slack-Retry-Reason"] == "http_error"


async def test_retry_until_heard() -> None:
    """
    Retries end with the first good answer.
    """
    async with running() as slack:
        entry = await mention(slack, Listener(500, 200))

        assert [one["status"] for one in entry["attempts"]] == [500, 200]


async def test_no_retry_header() -> None:
    """
    A bot that asks for no retries gets none.
    """
    async with running() as slack:
        entry = await mention(slack, Listener(500, headers={"X-Slack-No-Retry": "1"}))

        assert len(entry["attempts"]) == 1


async def test_slow_answer() -> None:
    """
    An answer after the limit counts as a timeout.
    """
    async with running(ack_seconds=0.0) as slack:
        entry = await mention(slack, Listener())

        assert {one["reason"] for one in entry["attempts"]} == {"http_timeout"}


async def test_double() -> None:
    """
    A doubled event arrives twice under one event_id.
    """
    async with over_http() as (slack, echo):
        slack.hub.faults.add("delivery", "double", match="app_mention")
        slack.people.say("ada", "general", "@ironclaw hi")
        await slack.wait_for(lambda: len(echo.heard) == 2)

        assert echo.heard[0]["event_id"] == echo.heard[1]["event_id"]


async def test_drop() -> None:
    """
    A dropped event arrives with the retry.
    """
    async with over_http() as (slack, _echo):
        slack.hub.faults.add("delivery", "drop")
        slack.people.say("ada", "general", "@ironclaw hi")
        await slack.courier.settle()

        reasons = [one["reason"] for one in slack.deliveries("app_mention")[0]["attempts"]]
        assert reasons == ["connection_failed", ""]


@pytest.mark.parametrize("fault", ["bad_signature", "stale"])
async def test_refused_signature(fault: str) -> None:
    """
    A wrong or old signature is refused by the bot's door, and the honest retry gets in.
    """
    async with over_http() as (slack, _echo):
        slack.hub.faults.add("delivery", fault)
        slack.people.say("ada", "general", "@ironclaw hi")
        await slack.courier.settle()

        assert [one["status"] for one in slack.deliveries("app_mention")[0]["attempts"]] == [401, 200]


async def test_late() -> None:
    """
    A late event waits as long as it was told to.
    """
    async with over_http() as (slack, _echo):
        slack.hub.faults.add("delivery", "late", seconds=7.0)
        slack.people.say("ada", "general", "@ironclaw hi")
        await slack.courier.settle()

        assert slack.slept == [7.0]


async def test_ratelimited() -> None:
    """
    A 429 names its pause, and a client that honours it gets through.
    """
    async with over_http() as (slack, echo):
        slack.hub.faults.add("api", "ratelimited", match="chat.postMessage", seconds=0)
        with pytest.raises(SlackApiError) as refused:
            await echo.client.chat_postMessage(channel="C1OPS", text="x", **QUIET)
        slack.hub.faults.add("api", "ratelimited", match="chat.postMessage", seconds=0)
        echo.client.retry_handlers.append(AsyncRateLimitErrorRetryHandler(max_retry_count=1))
        await echo.client.chat_postMessage(channel="C1OPS", text="y", **QUIET)

        assert refused.value.response.headers["Retry-After"] == "0"
        assert slack.texts("ops") == ["y"]


async def test_error500() -> None:
    """
    A 500 is a 500.
    """
    async with over_http() as (slack, echo):
        slack.hub.faults.add("api", "error500")

        with pytest.raises(SlackApiError) as refused:
            await echo.client.auth_test()
        assert refused.value.response.status_code == 500


async def test_lost_answer() -> None:
    """
    The message is there, and its sender never hears of it.
    """
    async with running() as slack:
        slack.hub.faults.add("api", "lost_answer")
        client = AsyncWebClient(TOKENS["T0001"], base_url=slack.url + "/api/", retry_handlers=[])

        with pytest.raises(aiohttp.ClientError):
            await client.chat_postMessage(channel="C1OPS", text="x", **QUIET)
        assert slack.texts("ops") == ["x"]


async def test_unknown_fault() -> None:
    """
    A fault that does not exist is refused, not ignored.
    """
    async with running() as slack:
        with pytest.raises(ValueError, match="no such fault"):
            slack.hub.faults.add("api", "meteor")
