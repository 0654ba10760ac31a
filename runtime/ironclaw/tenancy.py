"""Who is a tenant, by the operator's settings and by nothing else."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from ironclaw.budgets import MICROS, Budgets
from ironclaw.capabilities import Limits, Quota, Room
from ironclaw.errors import SettingsError, Suspended
from ironclaw.settings import Settings, TenantSettings, twin_of
from ironclaw.task import TenantState

#: Seconds that Slack's word for who is in a group is good for, at every door and the last gate.
SLACKS_WORD = 600.0
_SLACK_USER = re.compile(r"slack:[^:]*:([^:]+)")


class Tenancy:
    """The tenants of this host, and which Slack workspace is whose."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._clock = clock
        self._tenants = dict(settings.tenants)
        self.own = ""  #: The tenant of the bot's own workspace, once it is adopted.
        self._slack_groups: dict[tuple[str, str], tuple[frozenset[str], float]] = {}
        self._workspaces = _workspaces(settings.tenants)
        self._states: Mapping[str, TenantState] = {}  #: Of those that are not active.
        self._news = asyncio.Event()  #: Set, and another one, when the states are others.

    @property
    def ids(self) -> frozenset[str]:
        return frozenset(name for name in self._tenants if not self.state(name).is_gone)

    @property
    def workspaces(self) -> dict[str, str]:
        """Tenant by Slack team or enterprise id."""
        return {team: name for team, name in self._workspaces.items() if self.tenant(name)}

    def tenant(self, tenant_id: str) -> TenantSettings | None:
        return None if self.state(tenant_id).is_gone else self._tenants.get(tenant_id)

    def named(self, tenant_id: str) -> TenantSettings | None:
        """What the settings say of a tenant, also of one that was forgotten."""
        return self._tenants.get(tenant_id)

    def of_workspace(self, team_id: str, enterprise_id: str = "") -> str | None:
        """The team's tenant; an enterprise's where the team itself is not named."""
        named = self._workspaces.get(team_id) or (
            self._workspaces.get(enterprise_id) if enterprise_id else None
        )
        return named if named and self.tenant(named) else None

    def is_gone(self, tenant_id: str) -> bool:
        """Whether nobody is this tenant any more.  Until the bot's own workspace is known, it may be that."""
        awaits_own = self._settings.slack_bot_token is not None and not self.own
        return self.tenant(tenant_id) is None and not awaits_own

    # Whether something is done for them

    def learn_states(self, states: Mapping[str, TenantState]) -> None:
        """Take the database's word for who is served; of whom it says nothing is."""
        before, news = self._states, self._news
        self._states = {name: state for name, state in states.items() if state is not TenantState.ACTIVE}
        if before != self._states:
            self._news = asyncio.Event()
            news.set()

    async def closing(self, tenant_id: str) -> None:
        """Return once nothing is done for this tenant any more."""
        while self.state(tenant_id) is TenantState.ACTIVE:
            await self._news.wait()

    async def opening(self, tenant_id: str) -> None:
        """Return once something may be done for this tenant."""
        while self.state(tenant_id) is not TenantState.ACTIVE:
            await self._news.wait()

    def state(self, tenant_id: str) -> TenantState:
        return self._states.get(tenant_id, TenantState.ACTIVE)

    def serves(self, tenant_id: str) -> bool:
        """Whether anything may be done for this tenant now."""
        return tenant_id in self._tenants and self.state(tenant_id) is TenantState.ACTIVE

    def check_served(self, tenant_id: str) -> None:
        """
        :raises Suspended: nothing is done for this tenant now
        """
        if self.state(tenant_id) is not TenantState.ACTIVE:
            raise Suspended

    def reread(self, fresh: Settings) -> None:
        """Have the tenants of these settings; who is not in them any more stays until the next start.

        :raises SettingsError: two of them differ in letters' case alone; nothing was changed
        """
        own = {name: each for name, each in self._tenants.items() if name not in fresh.tenants}
        if twin := twin_of([*own, *fresh.tenants]):
            raise SettingsError(f"tenants: {twin} is there in other letters too. Nothing was changed.")
        kept = {team: name for team, name in self._workspaces.items() if name in own}
        self._tenants = {**own, **fresh.tenants}
        self._workspaces = {**kept, **_workspaces(fresh.tenants)}

    def adopt(self, team_id: str) -> str:
        """Make the bot's own workspace a tenant of its id, unless the settings say whose it is.

        :return: the tenant's id
        :raises SettingsError: a tenant has this id in letters of another case
        """
        if team_id not in self._workspaces and (twin := twin_of(self._tenants, team_id)):
            raise SettingsError(f"tenants: {twin} is the bot's own workspace {team_id} in other letters.")
        self.own = self._workspaces.setdefault(team_id, team_id)
        if self.own not in self._tenants:
            approvers = tuple(
                f"slack:{team_id}:{each}" if ":" not in each else each for each in self._settings.approvers
            )
            self._tenants[team_id] = TenantSettings(slack=(team_id,), approvers=approvers)
        return self.own

    # People

    def person(self, tenant_id: str, principal_id: str) -> str:
        """One name for all identities of a person: of those that the setting ``people`` links, and of one
        Slack user id in whatever workspace, and so on from each of these.
        """
        tenant = self.tenant(tenant_id)
        linked = {
            name: {_human(each) for each in ids} for name, ids in (tenant.people if tenant else {}).items()
        }
        same = {_human(principal_id)}
        names: set[str] = set()
        while more := {name for name, ids in linked.items() if ids & same} - names:
            names |= more
            same.update(*(linked[name] for name in more))
        return f"person:{min(names)}" if names else _human(principal_id)

    def roles(self, tenant_id: str, principal_id: str) -> frozenset[str]:
        """What the settings and Slack's user groups make of somebody: "approver", "group:NAME"."""
        tenant = self.tenant(tenant_id)
        if tenant is None:
            return frozenset()
        same = self._identities(tenant, principal_id)
        groups = {
            f"group:{name}" for name, ids in tenant.groups.items() if same & self._members(tenant_id, ids)
        }
        return frozenset(groups | ({"approver"} if same.intersection(tenant.approvers) else set()))

    def members(self, tenant_id: str, group: str) -> frozenset[str]:
        """The people of a group, by every identity of theirs that the settings know."""
        tenant = self.tenant(tenant_id)
        if tenant is None:
            return frozenset()
        found = self._members(tenant_id, tenant.groups.get(group, ()))
        same = (self._identities(tenant, each) for each in found if each[0] != "@")
        return frozenset[str]().union(*same)

    def slack_groups(self, tenant_id: str) -> frozenset[str]:
        """The Slack user groups (S...) that the tenant's groups name."""
        tenant = self.tenant(tenant_id)
        names = (name for ids in (tenant.groups.values() if tenant else ()) for name in ids)
        return frozenset(name[1:] for name in names if name.startswith("@"))

    def learn_group(self, tenant_id: str, group_id: str, members: Collection[str]) -> None:
        """Take Slack's word for who is in a user group.  It is good for ten minutes."""
        self._slack_groups[tenant_id, group_id] = (frozenset(members), self._clock() + SLACKS_WORD)

    def _slack_members(self, tenant_id: str, group_id: str) -> frozenset[str]:
        """Nobody where Slack has not spoken lately."""
        members, until = self._slack_groups.get((tenant_id, group_id), (frozenset[str](), 0.0))
        return members if self._clock() < until else frozenset()

    def identities(self, tenant_id: str, principal_id: str) -> frozenset[str]:
        """Every identity of a person that the settings know, this one among them."""
        tenant = self.tenant(tenant_id)
        return self._identities(tenant, principal_id) if tenant else frozenset({principal_id})

    def _identities(self, tenant: TenantSettings, principal_id: str) -> frozenset[str]:
        return frozenset(
            {principal_id, *(n for ids in tenant.people.values() if principal_id in ids for n in ids)}
        )

    def _members(self, tenant_id: str, ids: Collection[str]) -> frozenset[str]:
        groups = [self._slack_members(tenant_id, each[1:]) for each in ids if each[0] == "@"]
        return frozenset(ids).union(*groups)

    # Work

    def room(self, tenant_id: str) -> Room:
        """How much of this tenant, and of all, may be at work or in the queue."""
        tenant = self.tenant(tenant_id)
        return Room(tenant.max_open if tenant else 0, self._settings.max_open)

    def max_running(self, tenant_id: str) -> int:
        """How much of this tenant one process works on at once; of one that has left, what ends it."""
        tenant = self.tenant(tenant_id)
        return tenant.max_running if tenant else 1

    def budgets(self, tenant_id: str) -> Budgets:
        """What this tenant's workflows may use."""
        return Budgets(
            steps=self._least(tenant_id, "max_steps"),
            tokens=self._least(tenant_id, "max_tokens"),
            seconds=self._least(tenant_id, "max_seconds"),
            history_tokens=self._least(tenant_id, "history_tokens"),
            context_tokens=self._least(tenant_id, "context_tokens"),
            output_tokens=self._own(tenant_id, "max_output_tokens") or 0,
            result_bytes=self._least(tenant_id, "result_kb") * 1024,
            cost=_micros(self._least(tenant_id, "max_cost")),
            per_day=_micros(self._least(tenant_id, "budget_per_day")),
        )

    def approval_minutes(self, tenant_id: str) -> float:
        """How long people have to decide, or to answer."""
        return (self.tenant(tenant_id) or TenantSettings()).approval_minutes

    def max_memories(self, tenant_id: str) -> int:
        """How many memories a tenant may have; none where it is not there."""
        tenant = self.tenant(tenant_id)
        return tenant.max_memories if tenant else 0

    def days(self, tenant_id: str, what: str) -> float:
        """How long something of this tenant is kept; 0 for ever.

        :param what: "history", "memory" or "audit"
        """
        return float(self._own(tenant_id, f"{what}_days") or 0)

    # Tools

    def has_toolbox(self, tenant_id: str, toolbox: str) -> bool:
        """Whether this tenant has the tools of a toolbox."""
        tenant = self.tenant(tenant_id)
        return tenant is not None and (tenant.toolboxes is None or toolbox in tenant.toolboxes)

    def http_allow(self, tenant_id: str) -> tuple[str, ...]:
        """The hosts that this tenant's tools may ask."""
        tenant = self.tenant(tenant_id)
        return self._settings.http_allow + (tenant.http_allow if tenant else ())

    def every_host(self) -> tuple[str, ...]:
        """The hosts that anybody's tools may ask."""
        return self._settings.http_allow + tuple(
            host for tenant in self._tenants.values() for host in tenant.http_allow
        )

    def most(self, tenant_id: str) -> Limits:
        """What one call of this tenant may use, whatever its toolbox says."""
        return Limits(
            fuel=self._least(tenant_id, "max_fuel"),
            memory_mb=self._least(tenant_id, "max_memory_mb"),
            seconds=self._least(tenant_id, "max_call_seconds"),
            output_bytes=self._least(tenant_id, "max_output_kb") * 1024,
        )

    def quota(self, tenant_id: str) -> Quota:
        """What this tenant's folder may hold."""
        return Quota(
            bytes=self._least(tenant_id, "scratch_mb") << 20, files=self._least(tenant_id, "scratch_files")
        )

    def _least(self, tenant_id: str, name: str) -> Any:
        """The tenant's own setting, where it is less than the common one."""
        named = (getattr(self._settings, name), getattr(self.tenant(tenant_id), name, None))
        return min((each for each in named if each is not None), default=None)

    def _own(self, tenant_id: str, name: str) -> Any:
        """The tenant's own setting, where it has one."""
        own = getattr(self.tenant(tenant_id), name, None)
        return getattr(self._settings, name, None) if own is None else own

    def card_copies(self, tenant_id: str) -> str:
        """The channel that gets a copy of every card; "" for none."""
        tenant = self.tenant(tenant_id)
        return tenant.approvals_channel if tenant else ""


def _workspaces(tenants: Mapping[str, TenantSettings]) -> dict[str, str]:
    return {team: name for name, tenant in tenants.items() for team in tenant.slack}


def _human(principal_id: str) -> str:
    """The workspaces of one organisation share their people: the same user id is the same person in each."""
    user = _SLACK_USER.fullmatch(principal_id)
    return f"slack:{user[1]}" if user else principal_id


def _micros(amount: float | None) -> int | None:
    return None if amount is None else round(amount * MICROS)
