"""What a call is, in Cedar's words: two questions, and the entities that they speak of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ironclaw.task import ToolCall
from ironclaw_plugins.policy_cedar.arguments import amount, read
from ironclaw_plugins.policy_cedar.rules import ASK, RUN

Facts = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Questions:
    """What is asked of Cedar about one call."""

    principal: Facts
    resource: Facts
    context: Facts
    entities: list[Facts]

    def requests(self) -> list[Facts]:
        """Both questions; the context is written once."""
        context = json.dumps(self.context)
        return [
            {
                "principal": self.principal,
                "action": {"type": "Action", "id": action},
                "resource": self.resource,
                "context": context,
            }
            for action in (RUN, ASK)
        ]


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, by the operator's settings."""

    tenant: str  #: Where they belong; "" for nowhere here.
    roles: frozenset[str] = frozenset()


def questions(call: ToolCall, asker: Asker, now: float, names: frozenset[str]) -> Questions:
    """The questions about one call.

    :param now: unix seconds
    :param names: attributes that the rules speak of: the context has no others
    """
    user, tool = {"type": "User", "id": call.requester}, {"type": "Tool", "id": call.tool}
    args = json.loads(call.args)
    context = {**_context(call), **_time(now), **_amount(args), **_REFERENCES}
    return Questions(
        principal=user,
        resource=tool,
        context={name: value for name, value in context.items() if name in names},
        entities=[
            _entity(user, {"tenant": asker.tenant, "roles": sorted(asker.roles)}),
            _entity(
                tool,
                {"risk": call.risk.value, "effect": call.effect.value, "digest": call.component_sha256},
            ),
            *_arguments(args, names),
        ],
    )


def _context(call: ToolCall) -> Facts:
    http, given = call.capabilities.http, call.circumstances
    return {
        "tenant": call.tenant,
        "tool": call.tool,
        "door": call.door,
        "channel": given.channel,
        "scheduled": given.scheduled,
        "scratch": call.capabilities.scratch.value,
        # Hosts of the call itself where they are known; never fewer than none of a tool that has some.
        "hosts": sorted(given.hosts or {rule.host for rule in http}),
        "methods": sorted({method for rule in http for method in rule.methods}),
        "secrets": sorted(call.capabilities.secrets),
        "reach": sorted(call.capabilities.lines),
        "tainted": bool(given.taint),
        "taint_from": sorted(given.taint),
    }


def _time(now: float) -> Facts:
    at = datetime.fromtimestamp(now, UTC)
    return {"now": int(now), "hour": at.hour, "weekday": at.isoweekday()}


def _amount(args: Any) -> Facts:
    largest = amount(args)
    return {} if largest is None else {"amount": largest}


_KINDS = {"arguments": "Texts", "lists": "Lists", "numbers": "Numbers"}
_REFERENCES = {name: {"__entity": {"type": kind, "id": "call"}} for name, kind in _KINDS.items()}


def _arguments(args: Any, names: frozenset[str]) -> list[Facts]:
    if names.isdisjoint(_KINDS):
        return []
    found = read(args)
    tags: dict[str, Mapping[str, Any]] = {
        "arguments": found.texts,
        "lists": found.lists,
        "numbers": found.numbers,
    }
    return [
        {"uid": {"type": kind, "id": "call"}, "attrs": {}, "parents": [], "tags": tags[name]}
        for name, kind in _KINDS.items()
        if name in names
    ]


def _entity(uid: Facts, attributes: Facts) -> Facts:
    return {"uid": uid, "attrs": attributes, "parents": []}
