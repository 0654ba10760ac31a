"""What is valid in a policy and surely not meant: rules about tools and groups that nobody has."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator

from ironclaw.settings import Settings
from ironclaw_plugins.policy_cedar import Library, Rule


def about_tools(rules: Iterable[Rule], tools: Collection[str]) -> Iterator[str]:
    """The tools that rules name and that are not installed."""
    for rule in rules:
        for name in sorted(rule.tools.difference(tools)):
            yield f"rule {rule.id}: no installed tool is called {name}{_nearest(name, tools)}"


def about_groups(rules: Iterable[Rule], settings: Settings) -> Iterator[str]:
    """The groups that rules name and that no tenant has."""
    there = {group for tenant in settings.tenants.values() for group in tenant.groups}
    for rule in rules:
        for name in sorted(rule.groups - there):
            what = f"no tenant has a group {name}{_nearest(name, there)}"
            yield f"rule {rule.id}: {what}. Nobody is of it: set {name} in [tenants.NAME.groups]"


def about_tenants(library: Library, settings: Settings) -> Iterator[str]:
    """The groups that some tenant has and another one, whose calls the rule asks about, has not."""
    there = {group for tenant in settings.tenants.values() for group in tenant.groups}
    for tenant, rule, group in library.unknown_groups(settings):
        if group in there:
            yield f"rule {rule}: nobody of tenant {tenant} is of {group}: set it in [tenants.{tenant}.groups]"


def _nearest(name: str, known: Collection[str]) -> str:
    found = difflib.get_close_matches(name, sorted(known), n=1)
    return f"; nearest: {found[0]}" if found else ""
