"""The manifest against the code: everything declared is heard, everything heard is declared."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from ironclaw_bot.slack.rules.checks import Problems, refuse
from ironclaw_bot.slack.rules.manifest import bot_events, validate_manifest
from ironclaw_bot.slack.rules.scopes import EVENTS, METHODS
from ironclaw_bot.slack.rules.surfaces import elements_of, nested


@dataclass(frozen=True, slots=True)
class Listeners:
    """What the code answers to.

    `events` are names as the manifest has them (`message.im`, not `message`); the rest are the ids
    given to Bolt's `command`, `action`, `view` and `shortcut`.
    """

    events: frozenset[str] = frozenset()
    commands: frozenset[str] = frozenset()
    actions: frozenset[str] = frozenset()
    views: frozenset[str] = frozenset()
    shortcuts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Ids:
    """The ids in what was sent, each of which needs a listener."""

    actions: frozenset[str] = field(default_factory=frozenset)
    views: frozenset[str] = field(default_factory=frozenset)

    def unheard(self, listeners: Listeners) -> list[str]:
        """One sentence for each id that nobody listens to."""
        actions = [f"action_id {name}: no listener" for name in sorted(self.actions - listeners.actions)]
        return actions + [f"callback_id {name}: no listener" for name in sorted(self.views - listeners.views)]


def ids_in(payload: dict[str, Any]) -> Ids:
    """The action_ids and the callback_id of a message or a view.

    Inputs count only when they dispatch: otherwise their values travel with the submission.
    """
    heard = [
        one["action_id"]
        for block in nested(payload.get("blocks") or [])
        if block.get("type") != "input" or block.get("dispatch_action")
        for one in elements_of(block)
    ]
    callback = payload.get("callback_id") if payload.get("type") == "modal" else None
    return Ids(frozenset(heard), frozenset([callback] if callback else []))


def check_manifest(manifest: dict[str, Any], listeners: Listeners, methods: Iterable[str]) -> None:
    """Holds a manifest against what the code hears and calls.

    :param methods: every Web API method the code calls, such as `chat.postMessage`
    :raises RuleError: with every difference, in both directions
    """
    validate_manifest(manifest)
    problems: Problems = []
    features = manifest["features"]
    _same(problems, "event", bot_events(manifest), listeners.events)
    _same(
        problems,
        "command",
        [one["command"] for one in features.get("slash_commands", [])],
        listeners.commands,
    )
    _same(
        problems,
        "shortcut",
        [one["callback_id"] for one in features.get("shortcuts", [])],
        listeners.shortcuts,
    )
    interactive = bool(listeners.actions | listeners.views | listeners.shortcuts)
    if interactive != manifest["settings"].get("interactivity", {}).get("is_enabled", False):
        problems.append(f"settings.interactivity.is_enabled: must be {str(interactive).lower()}")
    problems.extend(_wrong_scopes(manifest, listeners, methods))
    refuse(problems)


def _same(problems: Problems, noun: str, declared: Collection[str], heard: Collection[str]) -> None:
    problems.extend(
        f"{noun} {name}: declared, but no listener" for name in sorted(set(declared) - set(heard))
    )
    problems.extend(
        f"{noun} {name}: has a listener, but is not declared" for name in sorted(set(heard) - set(declared))
    )


def _needs(
    manifest: dict[str, Any], listeners: Listeners, methods: Iterable[str]
) -> dict[str, tuple[str, ...] | None]:
    """What needs which scopes, any one of them being enough; None for what our list does not know."""
    needs = {f"method {name}": METHODS.get(name) for name in methods if name != "apps.connections.open"}
    needs |= {f"event {name}": EVENTS.get(name) for name in listeners.events}
    if listeners.commands:
        needs["commands"] = ("commands",)
    if "agent_view" in manifest["features"]:
        needs["agent_view"] = ("assistant:write",)
    return needs


def _wrong_scopes(manifest: dict[str, Any], listeners: Listeners, methods: Iterable[str]) -> list[str]:
    """Scopes that are missing, and scopes that nothing needs."""
    granted = set(manifest["oauth_config"]["scopes"]["bot"])
    needs = _needs(manifest, listeners, methods)
    problems = []
    for what, scopes in sorted(needs.items()):
        if scopes is None:
            problems.append(f"{what}: not in our own list (rules/scopes.py)")
        elif scopes and not granted & set(scopes):
            problems.append(f"{what}: needs the scope {' or '.join(scopes)}")
    useful = {scope for scopes in needs.values() for scope in scopes or ()}
    return problems + [f"scope {scope}: nothing needs it" for scope in sorted(granted - useful)]
