"""The plugin: every verdict by the policies as they were read last."""

from __future__ import annotations

import re
from typing import Protocol

import structlog

from ironclaw.hookspecs import Services, hookimpl
from ironclaw.settings import TenantSettings
from ironclaw.task import Opinion, ToolCall
from ironclaw_plugins.policy_cedar.answers import Answers
from ironclaw_plugins.policy_cedar.book import Library, stamp
from ironclaw_plugins.policy_cedar.facts import Asker, questions
from ironclaw_plugins.policy_cedar.judging import ask, opinion

_SLACK = re.compile(r"slack:([^:]+):")

log = structlog.get_logger(__name__)


class Directory(Protocol):
    """What policy has to know beside the call: of :class:`Services`, so much."""

    def tenant(self, tenant_id: str) -> TenantSettings | None: ...
    def tenant_of_workspace(self, team_id: str, enterprise_id: str = "") -> str | None: ...
    def roles(self, tenant_id: str, principal_id: str) -> frozenset[str]: ...
    def now(self) -> float: ...


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
        answers = answers_about(call, self._library, self._services)
        if answers.error:
            log.error("policy_error", tenant=call.tenant, tool=call.tool, error=answers.error[:500])
        return opinion(call, answers)


def answers_about(call: ToolCall, library: Library, directory: Directory) -> Answers:
    """What Cedar says of a call, before it is a verdict."""
    book = library.of(call.tenant)
    return ask(book, questions(call, _asker(call, directory), directory.now(), book.names))


def _asker(call: ToolCall, directory: Directory) -> Asker:
    """Who asks.  The people of a workspace belong to its tenant, all others to where they were let in."""
    team = _SLACK.match(call.requester)
    home = directory.tenant_of_workspace(team[1]) if team else None
    if directory.tenant(call.tenant) is None:
        return Asker("")
    return Asker(home or call.tenant, directory.roles(call.tenant, call.requester))
