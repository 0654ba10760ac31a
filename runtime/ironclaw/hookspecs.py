"""What a plugin can do: one page for its author.

A plugin is a class named by an entry point of the group ``ironclaw`` and by the setting ``plugins``.
It is built once with :class:`Services`, and its methods marked with :data:`hookimpl` are called.
Hooks only restrict: the most severe opinion wins, a hook that raises means *deny*, and so does silence.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import pluggy

from ironclaw.recall import MemoryIndexes
from ironclaw.settings import Settings, TenantSettings
from ironclaw.task import ApprovalView, Brain, Credential, Decision, Opinion, Principal, ToolCall

hookspec = pluggy.HookspecMarker("ironclaw")
hookimpl = pluggy.HookimplMarker("ironclaw")


class Services(Protocol):
    """What the engine lends to a plugin."""

    settings: Settings

    def tenant(self, tenant_id: str) -> TenantSettings | None:
        """The tenant's settings, or None for no such tenant."""
        ...

    def tenant_of_workspace(self, team_id: str, enterprise_id: str = "") -> str | None:
        """Which tenant a Slack workspace belongs to."""
        ...

    def roles(self, tenant_id: str, principal_id: str) -> frozenset[str]:
        """What the operator's settings make of somebody: "approver", "group:NAME"; never a token's claims."""
        ...

    def person(self, tenant_id: str, principal_id: str) -> str:
        """One name for all the identities of a person that the settings link."""
        ...

    def now(self) -> float:
        """Unix seconds, by the engine's clock."""
        ...

    def restored_at(self) -> float:
        """Unix seconds of the last time that the database was put back to a backup; 0 for never.

        What was remembered between the two is forgotten.
        """
        ...

    async def remember(self, source: str, event_id: str, until: float) -> bool:
        """Durably note an id that may come only once; kept until unix second ``until``.

        :return: True the first time, False ever after
        """
        ...

    def hide_secrets(self, tenant: str, text: str) -> str:
        """The text without the values of the tenant's secrets, plain or in a usual encoding.

        :param tenant: "" for the secrets of all
        """
        ...


class Specs:
    """Every hook.  ``async`` hooks are awaited together, then folded."""

    @hookspec
    def ironclaw_brains(self) -> Mapping[str, Brain]:  # type: ignore[empty-body]
        """Called once at start.

        :return: brains by the name that the setting ``brain`` uses
        """

    @hookspec
    def ironclaw_memory_indexes(self) -> MemoryIndexes | None:
        """Called once at start; one plugin at most has it.

        :return: what finds memories again, for every tenant; None where these settings allow none
        """

    @hookspec
    async def ironclaw_authenticate(self, credential: Credential) -> Principal | None:
        """Called by a door for each request.

        :return: who it is, or None for a kind of credential that this plugin does not know
        :raises IdentityError: it is this plugin's kind, and it is not valid: nobody
        """

    @hookspec
    async def ironclaw_verdict(self, call: ToolCall) -> Opinion | None:
        """Called for each tool call after its arguments passed the schema, before anyone is asked.

        :param call: the frozen call, as it would run
        :return: an opinion, or None for none; raising means deny, and so does nobody answering
        """

    @hookspec
    async def ironclaw_may_decide(
        self, approval: ApprovalView, principal: Principal, decision: Decision
    ) -> Opinion | None:
        """Called for each decision, and again for each approver when the call is about to run.

        Called too, as for a yes, for whoever says whether a call ran that a crash interrupted.

        :param approval: where nobody was asked before the call ran, what stands for it, with the doubt's id
        :param decision: what they want to say; whoever may deny need not be one who may approve
        :return: ALLOW or DENY with a sentence for the person, or None for no opinion;
            raising means deny, and so does nobody answering
        """

    @hookspec
    def ironclaw_policy_version(self) -> str:  # type: ignore[empty-body]
        """Called for each verdict.

        :return: a digest of everything that this plugin's opinions depend on
        """

    @hookspec
    def ironclaw_reload(self) -> None:
        """Called every few seconds, in a thread: read anew what opinions depend on, if it has changed.

        :raises SettingsError: it cannot be used, and the plugin goes on with what it had
        """

    @hookspec
    def ironclaw_redact(self, tenant: str, text: str) -> str | None:
        """Called for each text that leaves the sandbox or goes to a person, one plugin after the other.

        :return: the text without what must not be seen, or None for unchanged; raising withholds it all
        """
