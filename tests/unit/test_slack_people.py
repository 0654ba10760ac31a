"""Who may decide as far as Slack knows, what Slack's refusals mean, and what goes on after the ack."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_slack_response import AsyncSlackResponse
from structlog.testing import capture_logs

from ironclaw.task import SlackIdentity
from ironclaw_bot.slack.background import Background
from ironclaw_bot.slack.client import later, web_client
from ironclaw_bot.slack.people import KEPT, UNKNOWN, People, Standing, standing_of

BO = SlackIdentity("T1", "UBO", enterprise_id="E1")
MEMBER = {"id": "UBO", "team_id": "T1"}


@pytest.mark.parametrize(
    ("change", "standing"),
    [
        ({}, Standing.MEMBER),
        ({"team_id": ""}, Standing.MEMBER),
        ({"team_id": "T2", "enterprise_user": {"enterprise_id": "E1"}}, Standing.MEMBER),
        ({"team_id": "T2", "enterprise_user": {"enterprise_id": "E9"}}, Standing.OUTSIDER),
        ({"team_id": "T2"}, Standing.OUTSIDER),
        ({"team_id": "T2", "is_restricted": True}, Standing.OUTSIDER),
        ({"is_restricted": True}, Standing.GUEST),
        ({"is_ultra_restricted": True}, Standing.GUEST),
        ({"is_stranger": True}, Standing.OUTSIDER),
        ({"is_bot": True}, Standing.OUTSIDER),
        ({"deleted": True}, Standing.OUTSIDER),
        ({"id": "UCY"}, Standing.OUTSIDER),
    ],
)
def test_standing(change, standing):
    """
    A member is of this workspace or its organisation, a guest was invited by it, the rest are outsiders.
    """
    assert standing is standing_of({**MEMBER, **change}, BO)


async def test_asked_once():
    """
    Slack is asked once for all who wait for the same answer.
    """
    directory = Directory(MEMBER)
    people = People(lambda team: directory)

    assert ["", "", ""] == await asyncio.gather(*(people.refusal(BO) for _ in range(3)))


class Directory:
    """A client that knows users.info alone."""

    def __init__(self, *answers):
        self.answers = list(answers)

    async def users_info(self, user):
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return {"user": answer}


async def test_remembered():
    """
    An answer is good for five minutes; then Slack is asked again.
    """
    now = [0.0]
    directory = Directory(MEMBER, {**MEMBER, "is_restricted": True})
    people = People(lambda team: directory, lambda: now[0])
    first = [await people.refusal(BO), await people.refusal(BO)]
    now[0] = KEPT

    assert ["", ""] == first
    assert "Guests" in await people.refusal(BO)


@pytest.mark.parametrize("fault", [TimeoutError(), aiohttp.ClientError(), OSError()])
async def test_not_knowing(fault):
    """
    Not knowing is a refusal, and is not remembered.
    """
    people = People(lambda team: directory)
    directory = Directory(fault, MEMBER)

    assert [UNKNOWN, ""] == [await people.refusal(BO), await people.refusal(BO)]


async def test_answer_without_a_user():
    """
    An answer that names nobody is no full member.
    """
    assert await People(lambda team: Directory(None)).refusal(BO)


def refused(status, error, **headers):
    response = AsyncSlackResponse(
        client=None,
        http_verb="POST",
        api_url="",
        req_args={},
        data={"ok": False, "error": error},
        headers=headers,
        status_code=status,
    )
    return SlackApiError("refused", response)


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (refused(429, "ratelimited", **{"Retry-After": "30"}), 30.0),
        (refused(429, "ratelimited", **{"Retry-After": "soon"}), 1.0),
        (refused(429, "ratelimited", **{"Retry-After": "99999"}), 600.0),
        (refused(200, "ratelimited"), 1.0),
        (refused(503, "x"), 5.0),
        (refused(200, "internal_error"), 5.0),
        (aiohttp.ClientError(), 2.0),
        (TimeoutError(), 2.0),
    ],
)
def test_later(error, seconds):
    """
    What may work later says when.
    """
    assert seconds == later(error).seconds


@pytest.mark.parametrize("error", [refused(200, "channel_not_found"), ValueError()])
def test_never(error):
    """
    What Slack refuses for good is not tried again.
    """
    assert later(error) is None


def test_no_retries():
    """
    The client repeats nothing by itself.
    """
    assert [] == web_client("x", "https://slack.test/api/").retry_handlers


async def test_background():
    """
    What goes on after the ack is awaited, and its failure is a log line without the words.
    """
    background = Background()
    done = asyncio.Event()

    async def work():
        done.set()
        raise ValueError("a secret")

    with capture_logs() as logs:
        background.start(work(), "a courtesy")
        await background.drain()

    assert done.is_set()
    assert ["slack_courtesy_failed"] == [line["event"] for line in logs]
    assert "a secret" not in str(logs)
