"""Asks the policy of the settings about a call that nobody makes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from ironclaw.canonical import canonical_text
from ironclaw.deciders import Asked, Deciders, among
from ironclaw.errors import BadRequest, NotFound
from ironclaw.orchestrator.reach import beyond_reach
from ironclaw.orchestrator.taint import hosts_of
from ironclaw.registry import Registry, Tool
from ironclaw.settings import Settings, TenantSettings
from ironclaw.task import Json, Opinion, ToolCall
from ironclaw.tenancy import Tenancy
from ironclaw.terms import Circumstances
from ironclaw_bot.local import LOCAL_TENANT, chosen_tenant
from ironclaw_plugins.policy_cedar import Answers, Library, answers_about, opinion


class NoTool(NotFound):
    """There is no such tool."""


@dataclass(frozen=True, slots=True)
class Question:
    """A call, who asks, and what it is asked in."""

    tool: str
    args: Mapping[str, Json]
    who: str  #: A principal's id.
    tenant: str = ""  #: "" for the only one there is.
    roles: frozenset[str] = frozenset()  #: Beside those that the settings give.
    door: str = "cli"
    channel: str = ""
    taint: frozenset[str] = frozenset()
    at: datetime | None = None  #: None for now.
    scheduled: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """What policy says of it."""

    call: ToolCall
    opinion: Opinion
    answers: Answers
    version: str
    deciders: Deciders  #: Of a review.


@dataclass(frozen=True, slots=True)
class _Desk:
    """What policy asks of the engine, of one question."""

    tenancy: Tenancy
    roles_too: frozenset[str] = frozenset()
    at: datetime | None = None

    def tenant(self, tenant_id: str) -> TenantSettings | None:
        return self.tenancy.tenant(tenant_id)

    def tenant_of_workspace(self, team_id: str, enterprise_id: str = "") -> str | None:
        return self.tenancy.of_workspace(team_id, enterprise_id)

    def roles(self, tenant_id: str, principal_id: str) -> frozenset[str]:
        return self.tenancy.roles(tenant_id, principal_id) | self.roles_too

    def now(self) -> float:
        return (self.at or datetime.now(UTC)).timestamp()


class Trial:
    """The policy of the settings, and the tools that it may be asked about."""

    def __init__(self, settings: Settings, tools: Iterable[Tool]) -> None:
        """:raises SettingsError: the policy is not valid"""
        if not settings.tenants:
            settings = settings.model_copy(
                update={"tenants": {LOCAL_TENANT: TenantSettings.model_validate({})}}
            )
        self._tenancy = Tenancy(settings)
        self._registry = Registry(tools)
        self._library = Library.read(settings)

    def ask(self, question: Question) -> Said:
        """
        :raises NotFound: there is no such tenant or tool
        :raises BadRequest: these are no arguments of the tool
        """
        call = self._call(question)
        desk = _Desk(self._tenancy, question.roles, question.at)
        answers = answers_about(call, self._library, desk)
        # What cannot get where it says it goes is refused before policy is asked, as in the bot.
        denial = beyond_reach(call, self._tenancy.http_allow(call.tenant))
        said = denial or opinion(call, answers)
        found = among(self._tenancy, Asked(call.tenant, call.requester, said.terms))
        return Said(call, said, answers, self._library.version, found)

    def schema(self, name: str) -> Mapping[str, Json]:
        """The schema of a tool's arguments.

        :raises NotFound: there is no such tool
        """
        return self._tool(name).schema

    def _tool(self, name: str) -> Tool:
        tool = self._registry.get(name)
        if tool is None:
            raise NoTool(f"There is no tool {name}: `ironclaw tool list` says which there are.")
        return tool

    def _call(self, question: Question) -> ToolCall:
        tool = self._tool(question.tool)
        if problems := self._registry.validate(tool, question.args):
            raise BadRequest(f"These are no arguments of {tool.name}: {'; '.join(problems[:3])}")
        args = canonical_text(self._registry.with_defaults(tool, question.args))
        return ToolCall(
            tenant=chosen_tenant(question.tenant, self._tenancy.ids),
            requester=question.who,
            workflow_id="",
            seq=1,
            tool=tool.name,
            args=args,
            risk=tool.risk,
            effect=tool.effect,
            capabilities=tool.capabilities,
            component_sha256=tool.toolbox.component_sha256,
            manifest_sha256=tool.toolbox.manifest_sha256,
            door=question.door,
            circumstances=Circumstances(
                taint=question.taint,
                channel=question.channel,
                hosts=hosts_of(tool, args),
                scheduled=question.scheduled,
            ),
        )
