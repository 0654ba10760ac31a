"""The page on which an approver shows a second factor: what would run, and one field for the code.

No script, no cookie, nothing loaded from elsewhere.  Opening it decides nothing: a link preview may.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from html import escape
from string import Template

import structlog
from aiohttp import web

from ironclaw.app import Ironclaw
from ironclaw.envelope import Preview
from ironclaw.errors import IronclawError, StoreError
from ironclaw.showing import Unshowable, show, show_effects
from ironclaw.task import ApprovalState, ApprovalView
from ironclaw_bot.http.problems import problem_of

log = structlog.get_logger(__name__)

ROUTE = "/step-up/{token}"
MAX_FORM = 1_000  #: Bytes: a code and its name.

_PAGE = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex"><title>$title</title>
<style nonce="$nonce">
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 44rem; margin: 2rem auto; padding: 0 1rem; }
pre { padding: .8rem; border: 1px solid #8886; border-radius: .4rem; white-space: pre-wrap;
  overflow-wrap: anywhere; }
dt { font-weight: 600; } dd { margin: 0 0 .5rem; overflow-wrap: anywhere; }
input, button { font: inherit; padding: .5rem .8rem; border-radius: .4rem; border: 1px solid #888; }
input { width: 9rem; letter-spacing: .2em; } button { background: #0a7a4b; color: #fff; border: 0; }
.problem { color: #c0392b; font-weight: 600; }
</style></head><body><h1>$title</h1>$body</body></html>
""")
FORM = Template("""<form method="post" autocomplete="off">
<p><label for="code">Code of your authenticator app</label></p>
<p><input id="code" name="code" inputmode="numeric" autocomplete="one-time-code" maxlength="10" required
autofocus> <button>$word</button></p></form><p>$otherwise</p>""")


class StepUpPage:
    """The routes of the page."""

    def __init__(self, app: Ironclaw) -> None:
        self._app = app

    def routes(self) -> list[web.RouteDef]:
        return [web.get(ROUTE, self.show), web.post(ROUTE, self.approve)]

    async def show(self, request: web.Request) -> web.Response:
        """What would run."""
        try:
            approval, asked = await self._app.step_ups.page(request.match_info["token"])
        except IronclawError as error:
            return problem_page(error)
        return _asking(approval, asked.principal)

    async def approve(self, request: web.Request) -> web.Response:
        """Take the code; a wrong one may be tried again."""
        token = request.match_info["token"]
        code = await code_of(request)
        try:
            approval, asked = await self._app.step_ups.page(token)
        except IronclawError as error:
            return problem_page(error)
        try:
            done = await self._app.step_ups.approve(token, code)
        except StoreError as error:
            return problem_page(error)
        except IronclawError as error:
            return _asking(approval, asked.principal, str(error))
        return self._thanks(done)

    def _thanks(self, done: ApprovalView) -> web.Response:
        """What was approved, and whether that is enough."""
        what = f"{escape(done.tool)} for {escape(done.requester)}, approval {escape(done.id)}"
        if done.state is not ApprovalState.PENDING:
            line = f"Approved: {what}. Nobody else is needed."
        else:
            others = self._app.deciders(done)
            who = others.problem or f"Still needed: {others.words()}."
            line = f"Your approval counts for {what}. It is not enough yet. {escape(who)}"
        return page("Thank you", f"<p>{line} You can close this page.</p>")


async def code_of(request: web.Request) -> str:
    """The one field; anything else is no code."""
    if (request.content_length or 0) > MAX_FORM:
        return ""
    value = (await request.post()).get("code", "")
    return value if isinstance(value, str) else ""


def _asking(approval: ApprovalView, principal: str, problem: str = "") -> web.Response:
    told = f'<p class="problem" role="alert">{escape(problem)}</p>' if problem else ""
    if approval.state is not ApprovalState.PENDING:
        return page("Nothing to approve", f"<p>This request is already {approval.state.value}.</p>", 409)
    try:
        lines = show(approval.args, approval.circumstances.defaults).whole
    except Unshowable:
        return page("Nothing to approve", "<p>The arguments cannot be shown, so not approved.</p>", 409)
    arguments = f"<pre>{escape(chr(10).join(lines))}</pre>"
    effects = _effects(approval.circumstances.preview)
    form = FORM.substitute(word="Approve", otherwise="To deny it, go back to the card.")
    body = f"{_facts(approval, principal)}{arguments}{effects}{told}{form}"
    return page(f"Approve {approval.tool}?", body, 403 if problem else 200)


def _effects(preview: Preview | None) -> str:
    """What it will do; nothing where the tool has no preview."""
    if preview is None:
        return ""
    if preview.problem:
        return f"<p>Nobody knows what it will do: {escape(preview.problem)}</p>"
    lines = show_effects(preview) or ("It will change no file and send nothing.",)
    return f"<p>What it will do; the run is held to it:</p><pre>{escape(chr(10).join(lines))}</pre>"


def _facts(approval: ApprovalView, principal: str) -> str:
    facts = {
        "Asked by": approval.requester,
        "You are": principal,
        "Risk": approval.risk.value,
        "Rule": approval.rule,
        "May touch": "; ".join(approval.circumstances.reach) or "nothing",
        "Has read": ", ".join(sorted(approval.circumstances.taint)) or "nothing from outside",
        "Action sha256": approval.action_sha256,
    }
    return listed(facts)


def listed(facts: Mapping[str, str]) -> str:
    """Names and values, escaped."""
    rows = (f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts.items())
    return f"<dl>{''.join(rows)}</dl>"


def problem_page(error: IronclawError) -> web.Response:
    """A sentence and the status that the same error has elsewhere."""
    told = problem_of(error)
    if told is None or told.status >= 500:
        log.error("step_up_failed", error=type(error).__name__)
        return page("Not now", "<p>This cannot be done now. Try again later.</p>", 503)
    return page("Nothing to approve", f"<p>{escape(str(error))}</p>", told.status)


def page(title: str, body: str, status: int = 200) -> web.Response:
    """:param body: HTML, escaped where it holds anything of others"""
    nonce = secrets.token_urlsafe(16)
    text = _PAGE.substitute(title=escape(title), body=body, nonce=nonce)
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self'; frame-ancestors 'none'; "
        "base-uri 'none'"
    )
    headers = {"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY"}
    return web.Response(status=status, text=text, content_type="text/html", headers=headers)
