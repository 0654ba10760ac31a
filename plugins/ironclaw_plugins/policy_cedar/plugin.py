"""The plugin: every verdict by the policies as they were read last."""

from __future__ import annotations

import re

import structlog

from ironclaw.hookspecs import Services, hookimpl
from ironclaw.task import Opinion, ToolCall
from ironclaw_plugins.policy_cedar.book import Library, stamp
from ironclaw_plugins.policy_cedar.facts import Asker, questions
from ironclaw_plugins.policy_cedar.judging import Answers, ask, opinion

_SLACK = re.compile(r"slack:([^:]+):")

log = structlog.get_logger(__name__)


class CedarPolicy:
    """Two questions for each call: may it run at all, and may it run on its own?"""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._library = Library.read(services.settings)

    @hookimpl
    def ironclaw_policy_version(self) -> str:
        return self._library.version

    @hookimpl
    def ironclaw_reload(self) -> None:
        if stamp(self._services.settings) != self._library.stamp:
            self._library = Library.read(self._services.settings)

    @hookimpl
    async def ironclaw_verdict(self, call: ToolCall) -> Opinion:
        answers = self.answers(call)
        if answers.error:
            log.error("policy_error", tenant=call.tenant, tool=call.tool, error=answers.error[:500])
        return opinion(call, answers)

    def answers(self, call: ToolCall) -> Answers:
        """What Cedar says, before it is a verdict."""
        library = self._library
        book = library.of(call.tenant)
        return ask(library, book, questions(call, self._asker(call), self._services.now(), book.names))

    def _asker(self, call: ToolCall) -> Asker:
        """Who asks.  The people of a workspace belong to its tenant, all others to where they were let in."""
        services, team = self._services, _SLACK.match(call.requester)
        home = services.tenant_of_workspace(team[1]) if team else None
        if services.tenant(call.tenant) is None:
            return Asker("")
        return Asker(home or call.tenant, services.roles(call.tenant, call.requester))
