"""Who is who, and what they are for a tenant."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection

from ironclaw.settings import Settings, TenantSettings
from ironclaw.tenancy.known import Known

#: Seconds that Slack's word for who is in a group is good for, at every door and the last gate.
SLACKS_WORD = 600.0
_SLACK_USER = re.compile(r"slack:[^:]*:([^:]+)")


class People(Known):
    """Part of :class:`ironclaw.tenancy.Tenancy`."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        super().__init__(settings)
        self._clock = clock
        self._slack_groups: dict[tuple[str, str], tuple[frozenset[str], float]] = {}

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


def _human(principal_id: str) -> str:
    """The workspaces of one organisation share their people: the same user id is the same person in each."""
    user = _SLACK_USER.fullmatch(principal_id)
    return f"slack:{user[1]}" if user else principal_id
