"""The Bolt app: which listener hears what.

``process_before_response`` makes Bolt answer after a listener, not before it: what was asked is durable
when Slack gets its 200, and a listener that raises gives a 500, upon which Slack delivers again.
"""

from __future__ import annotations

import logging
import re

import structlog
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.context.async_context import AsyncBoltContext
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from ironclaw.app import Ironclaw
from ironclaw.settings import Settings
from ironclaw_bot.slack import presses
from ironclaw_bot.slack.background import Background
from ironclaw_bot.slack.behind import Stops
from ironclaw_bot.slack.clicks import Clicks
from ironclaw_bot.slack.client import ClientForTeam
from ironclaw_bot.slack.commands import COMMAND, Commands
from ironclaw_bot.slack.doubt_clicks import DoubtClicks
from ironclaw_bot.slack.forms import Forms
from ironclaw_bot.slack.homes import Homes
from ironclaw_bot.slack.question_clicks import QuestionClicks
from ironclaw_bot.slack.replies import Replies
from ironclaw_bot.slack.rules import Listeners
from ironclaw_bot.slack.talk import Talk

#: What is heard, for the test that holds the manifest against the code.
LISTENERS = Listeners(
    events=frozenset(
        {
            "agent_session_stopped",
            "app_home_opened",
            "app_mention",
            "app_uninstalled",
            "message.im",
            "tokens_revoked",
        }
    ),
    commands=frozenset({COMMAND}),
    actions=presses.ACTIONS,
    views=frozenset({presses.DENY_FORM, presses.EDIT_FORM, presses.REMEMBER_FORM}),
)
_ANYTHING = re.compile("")
log = structlog.get_logger(__name__)


def make_slack(
    app: Ironclaw,
    settings: Settings,
    client: AsyncWebClient | ClientForTeam,
    background: Background | None = None,
    homes: Homes | None = None,
) -> AsyncApp:
    """The Bolt app of this door; requests reach it through the edge or Socket Mode, verified there.

    :param client: the bot's Web API client, or a function that gives one for a workspace
    :param background: where replies that nothing depends on run; await its ``drain`` when stopping
    :param homes: what publishes App Home, where the outbox's sender has it too
    """
    clients = client if not isinstance(client, AsyncWebClient) else lambda team: client
    background = background or Background()
    plain_quotes = settings.brain_name == "commands"
    bolt = _bolt(settings)
    homes = homes or Homes(app, clients)
    people, groups = homes.people, homes.groups
    talk = Talk(app, clients, people, homes, background, plain_quotes=plain_quotes)
    commands = Commands(app, people, plain_quotes=plain_quotes)
    replies = Replies(clients)
    clicks = Clicks(app, replies, people, groups, homes, background)
    forms = Forms(app, people, groups)
    bolt.event("app_mention")(talk.on_message)
    bolt.event("message")(talk.on_message)
    bolt.event("app_home_opened")(talk.on_home)
    bolt.event("agent_session_stopped")(talk.on_stop)
    for name in ("app_uninstalled", "tokens_revoked"):
        bolt.event(name)(talk.on_lifecycle)
    bolt.command(COMMAND)(commands.on_command)
    for action_id in presses.DECISIONS:
        bolt.action(action_id)(clicks.on_click)
    for action_id in (presses.DETAILS, presses.MORE):
        bolt.action(action_id)(clicks.on_more)
    bolt.action(presses.REVOKE)(clicks.on_revoke)
    doubts = DoubtClicks(app, replies, people, groups, background)
    for action_id in presses.TESTIMONIES:
        bolt.action(action_id)(doubts.on_answer)
    bolt.action(presses.DOUBT_SHOW)(doubts.on_show)
    questions = QuestionClicks(app, replies, people, groups, background)
    for action_id in presses.ANSWERS:
        bolt.action(action_id)(questions.on_answer)
    bolt.action(presses.STOP)(Stops(app, replies, people, groups, background).on_stop)
    for callback_id in LISTENERS.views:
        bolt.view_submission(callback_id)(forms.on_submit)
    _hear_the_rest(bolt)
    return bolt


def _bolt(settings: Settings) -> AsyncApp:
    """Bolt with what the edge does turned off, and a logger that repeats no payload."""
    quiet = logging.getLogger("ironclaw_bot.slack.bolt")
    quiet.setLevel(logging.CRITICAL)
    bolt = AsyncApp(
        name="ironclaw",
        logger=quiet,
        process_before_response=True,
        # A bare client: the tokens stay with ``clients``, and Bolt asks Slack nothing by itself.
        client=AsyncWebClient(base_url=settings.slack_api_url),
        authorize=_authorize,
        request_verification_enabled=False,
        ssl_check_enabled=False,
        ignoring_self_events_enabled=False,
        attaching_function_token_enabled=False,
        attaching_conversation_kwargs_enabled=False,
    )
    bolt.error(_on_error)
    return bolt


async def _authorize(
    context: AsyncBoltContext, team_id: str | None, enterprise_id: str | None
) -> AuthorizeResult:
    """Bolt wants an installation; who may do what is the engine's to say, per listener."""
    return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id)


async def _on_error(error: Exception) -> BoltResponse:
    """Not durable, so not accepted: Slack delivers events again, and tells a person who clicked."""
    log.error("slack_listener_failed", error=type(error).__name__, exc_info=error)
    return BoltResponse(status=500)


def _hear_the_rest(bolt: AsyncApp) -> None:
    """Acknowledge whatever nobody listens to: a 404 makes Slack repeat it, or give the app up."""

    async def taken(ack: AsyncAck) -> None:
        await ack()

    for hear in (bolt.event, bolt.action, bolt.command, bolt.shortcut, bolt.view, bolt.options):
        hear(_ANYTHING)(taken)
