"""Loads plugins, and folds what they say.  Callers use :class:`Hooks`, never pluggy itself."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from functools import reduce
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Any

import pluggy
import structlog

from ironclaw.canonical import digest
from ironclaw.errors import IdentityError, SettingsError, StoreError
from ironclaw.hookspecs import Services, Specs
from ironclaw.recall import MemoryIndexes
from ironclaw.task import ApprovalView, Brain, Credential, Decision, Opinion, Principal, ToolCall, Verdict
from ironclaw.terms import Terms

GROUP = "ironclaw"
Factory = Callable[[Services], object]
WITHHELD = "[withheld: the leak guard failed]"

log = structlog.get_logger(__name__)


class Hooks:
    """The plugins' opinions, folded: the most severe wins; an error or silence is a deny."""

    def __init__(self, plugins: Iterable[tuple[str, object]]) -> None:
        self._manager = pluggy.PluginManager(GROUP)
        self._manager.add_hookspecs(Specs)
        for name, plugin in plugins:
            self._manager.register(plugin, name)
            self._refuse_wrappers(plugin, name)
        self._manager.check_pending()

    def _refuse_wrappers(self, plugin: object, name: str) -> None:
        """A wrapper would see the other plugins' opinions, and could leave the most severe one out.

        :raises SettingsError: the plugin has one
        """
        for caller in self._manager.get_hookcallers(plugin) or ():
            for impl in caller.get_hookimpls():
                if impl.plugin is plugin and (impl.wrapper or impl.hookwrapper):
                    raise SettingsError(f"plugins: {name} wraps {caller.name}; a hook gives its own opinion.")

    def brains(self) -> dict[str, Brain]:
        """Every brain by its name."""
        found: dict[str, Brain] = {}
        for offered in self._manager.hook.ironclaw_brains():
            found |= offered
        return found

    def memory_indexes(self) -> MemoryIndexes | None:
        """What finds memories again; None where no plugin does.

        :raises SettingsError: several do
        """
        found: list[MemoryIndexes] = self._manager.hook.ironclaw_memory_indexes()
        if len(found) > 1:
            raise SettingsError("plugins: several of them keep an index of memories; name one.")
        return found[0] if found else None

    def policy_version(self) -> str:
        """One digest of everything that verdicts depend on."""
        return digest(sorted(self._manager.hook.ironclaw_policy_version()))

    def reload(self) -> None:
        """Have every plugin look whether the files that it depends on have changed.

        :raises SettingsError: some cannot be used; their plugin goes on with what it had
        """
        self._manager.hook.ironclaw_reload()

    async def authenticate(self, credential: Credential) -> Principal:
        """
        :raises IdentityError: nobody, or plugins that do not agree on who
        :raises StoreError: nobody can say now: the database does not answer
        """
        try:
            found = await _all(self._manager.hook.ironclaw_authenticate(credential=credential))
        except (IdentityError, StoreError):
            raise
        except Exception:
            log.exception("authenticate_failed")
            raise IdentityError("Nobody could check who this is; try again later.") from None
        known: set[Principal] = {principal for principal in found if principal is not None}
        if len(known) != 1:
            raise IdentityError
        principal: Principal = known.pop()
        return principal

    async def verdict(self, call: ToolCall) -> Opinion:
        """What policy says of a call."""
        return await self._fold("verdict", lambda: self._manager.hook.ironclaw_verdict(call=call))

    async def may_decide(self, approval: ApprovalView, principal: Principal, decision: Decision) -> Opinion:
        """Whether this person may say this of this approval."""
        hook = self._manager.hook.ironclaw_may_decide
        asked = {"approval": approval, "principal": principal, "decision": decision}
        return await self._fold("may_decide", lambda: hook(**asked))

    def redact(self, tenant: str, text: str) -> str:
        """The text without what must not be seen."""
        for impl in self._manager.hook.ironclaw_redact.get_hookimpls():
            try:
                text = _checked_text(impl.function(tenant=tenant, text=text), text)
            except Exception:
                log.exception("redact_failed", plugin=impl.plugin_name)
                return WITHHELD
        return text

    async def _fold(self, what: str, ask: Callable[[], list[Awaitable[Opinion | None]]]) -> Opinion:
        try:
            opinions = [opinion for opinion in await _all(ask()) if opinion is not None]
            return _severest(opinions)
        except ValueError:
            return Opinion(Verdict.DENY, "nobody-answered", "No policy speaks for this, so it is denied.")
        except Exception:
            log.exception("hook_failed", hook=what)
            return Opinion(
                Verdict.DENY, "plugin-error", "A policy plugin failed, so it is denied. The log says more."
            )


async def _all(pending: list[Awaitable[Any]]) -> list[Any]:
    if len(pending) == 1:
        return [await pending[0]]  # Most hooks have one plugin: it needs no task of its own.
    return list(await asyncio.gather(*pending))


def _severest(opinions: list[Opinion]) -> Opinion:
    """The most severe one, on the terms of all that are as severe.

    :raises ValueError: there is none
    """
    severest = max(opinions, key=lambda opinion: opinion.verdict.severity)
    terms = [each.terms for each in opinions if each.verdict is severest.verdict]
    # What may be remembered each of them must allow: where one does not speak of it, nothing may.
    grants = None if any(each.grants is None for each in terms) else reduce(Terms.strictest, terms).grants
    return replace(severest, terms=replace(reduce(Terms.strictest, terms), grants=grants))


def _checked_text(changed: object, text: str) -> str:
    if changed is None:
        return text
    if not isinstance(changed, str):
        raise TypeError("ironclaw_redact returns a string or None")
    return changed


def load(
    names: Iterable[str], services: Services, more: Mapping[str, Factory] = MappingProxyType({})
) -> Hooks:
    """Build the plugins that the settings name, and no others.

    :param more: plugins that the embedding program brings itself, by name
    :raises SettingsError: a name that no installed plugin has, or a plugin that cannot be built
    """
    installed = {point.name: point for point in entry_points(group=GROUP)}
    built = [(name, _build(name, installed, services)) for name in names]
    return Hooks([*built, *((name, factory(services)) for name, factory in more.items())])


def _build(name: str, installed: Mapping[str, EntryPoint], services: Services) -> object:
    if name not in installed:
        near = difflib.get_close_matches(name, installed, n=1)
        remedy = f"Did you mean {near[0]}?" if near else f"Installed: {', '.join(sorted(installed))}."
        raise SettingsError(f"plugins: no installed plugin is called {name!r}. {remedy}")
    try:
        return installed[name].load()(services)
    except SettingsError:
        raise
    except Exception as error:
        log.exception("plugin_failed", plugin=name)
        raise SettingsError(f"plugins: {name} could not be started: {error}") from error
