"""The page on which somebody says with a second factor whether a call ran, as on the page of step-up."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape

from aiohttp import web

from ironclaw.app import Ironclaw
from ironclaw.errors import IronclawError, StoreError
from ironclaw.showing import Unshowable, show
from ironclaw.task import DoubtState, DoubtView, Said
from ironclaw_bot.http.step_up import FORM, code_of, listed, page, problem_page

ROUTE = "/doubt/{token}"
_WORDS = {Said.RAN.value: "It ran", Said.NOT_RUN.value: "It did not run"}
_THEN = {
    Said.RAN.value: "It is not begun again, and the task goes on without its output.",
    Said.NOT_RUN.value: "It runs once more, with the same idempotency key.",
}


class DoubtPage:
    """The routes of the page."""

    def __init__(self, app: Ironclaw) -> None:
        self._app = app

    def routes(self) -> list[web.RouteDef]:
        return [web.get(ROUTE, self.show), web.post(ROUTE, self.say)]

    async def show(self, request: web.Request) -> web.Response:
        """What is asked, and what will be said of it."""
        try:
            doubt, asked = await self._app.doubts.page(request.match_info["token"])
        except IronclawError as error:
            return problem_page(error)
        return _asking(doubt, asked.principal, asked.said)

    async def say(self, request: web.Request) -> web.Response:
        """Take the code; a wrong one may be tried again."""
        token, code = request.match_info["token"], await code_of(request)
        try:
            doubt, asked = await self._app.doubts.page(token)
        except IronclawError as error:
            return problem_page(error)
        try:
            done = await self._app.doubts.testify_by(token, code)
        except StoreError as error:
            return problem_page(error)
        except IronclawError as error:
            return _asking(doubt, asked.principal, asked.said, str(error))
        return await self._thanks(done, asked.said)

    async def _thanks(self, done: DoubtView, said: str) -> web.Response:
        """What was said, and whether that is enough."""
        line = f"Noted for {escape(done.tool)}, doubt {escape(done.id)}: {_WORDS[said].lower()}."
        if done.state is DoubtState.OPEN:
            others = await self._app.doubts.deciders(done)
            line += f" It is not enough yet. {escape(others.problem or f'Still needed: {others.words()}.')}"
        return page("Thank you", f"<p>{line} You can close this page.</p>")


def _asking(doubt: DoubtView, principal: str, said: str, problem: str = "") -> web.Response:
    if doubt.state is not DoubtState.OPEN:
        return page("Nothing to say", "<p>This was answered already, or the task was stopped.</p>", 409)
    told = f'<p class="problem" role="alert">{escape(problem)}</p>' if problem else ""
    form = FORM.substitute(word=_WORDS[said], otherwise="To say otherwise, go back to the card.")
    body = f"{_facts(doubt, principal)}{_arguments(doubt)}<p>{_THEN[said]}</p>{told}{form}"
    return page(f"{doubt.tool}: {_WORDS[said].lower()}?", body, 403 if problem else 200)


def _arguments(doubt: DoubtView) -> str:
    try:
        lines = show(doubt.args, doubt.circumstances.defaults).whole
    except Unshowable:
        return "<p>The arguments cannot be shown.</p>"
    return f"<pre>{escape(chr(10).join(lines))}</pre>"


def _facts(doubt: DoubtView, principal: str) -> str:
    return listed(
        {
            "Asked by": doubt.requester,
            "You are": principal,
            "Effect": doubt.effect.value,
            "Begun": _utc(doubt.begun_at),
            "Changing request about to leave": _utc(doubt.effect_begun_at),
            "Hosts": ", ".join(sorted(doubt.circumstances.hosts)) or "none",
            "Idempotency key": doubt.idem_key,
            "Workflow": f"{doubt.workflow_id}, call {doubt.seq}, attempt {doubt.attempt}",
            "Action sha256": doubt.action_sha256,
        }
    )


def _utc(at: float | None) -> str:
    if at is None:
        return "not that anybody knows"
    return datetime.fromtimestamp(at, UTC).isoformat(" ", "milliseconds").replace("+00:00", " UTC")
