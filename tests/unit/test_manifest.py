"""The manifest: what Slack accepts, both variants, and how it is held against the code."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from slack_sdk.web.async_client import AsyncWebClient

from ironclaw_bot.playground.seed import DEFAULT_EVENTS, DEFAULT_SCOPES
from ironclaw_bot.slack.app import LISTENERS
from ironclaw_bot.slack.manifest import at_address, load_manifest, main, socket_mode
from ironclaw_bot.slack.rules import Listeners, RuleError, check_manifest, validate_manifest

ROOT = Path(__file__).parents[2]
Json = dict[str, Any]


@pytest.fixture
def manifest() -> Json:
    return load_manifest(ROOT / "manifest.yml")


CALLED = ["chat.postMessage", "users.info"]


def problems_of(check: Callable[..., None], *args: Any) -> list[str]:
    with pytest.raises(RuleError) as refused:
        check(*args)
    return refused.value.problems


def changed(manifest: Json, path: str, value: Any) -> Json:
    """A copy with one key set, or taken away when the value is None."""
    copied = copy.deepcopy(manifest)
    *folders, key = path.split(".")
    place = copied
    for folder in folders:
        place = place[folder]
    if value is None:
        del place[key]
    else:
        place[key] = value
    return copied


def test_variants(manifest: Json) -> None:
    """
    Both variants are what Slack accepts; Socket Mode's has no url in it.
    """
    validate_manifest(manifest)
    validate_manifest(socket_mode(manifest))

    assert "https://" not in str(socket_mode(manifest))


def test_address(manifest: Json) -> None:
    """
    The placeholder is replaced everywhere, by https only.
    """
    ours = at_address(manifest, "https://bot.acme.com/")
    validate_manifest(ours)

    assert str(ours).count("https://bot.acme.com/slack/events") == 3
    assert "ironclaw.example.com" not in str(ours)
    with pytest.raises(ValueError, match="https"):
        at_address(manifest, "http://bot.acme.com")


def test_printed(manifest: Json, capsys: pytest.CaptureFixture[str]) -> None:
    """
    The printed variant is the variant.
    """
    main(["--file", str(ROOT / "manifest.yml"), "--socket"])

    assert yaml.safe_load(capsys.readouterr().out) == socket_mode(manifest)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nonsense"], "nonsense is no https address, and Slack calls no other"),
        (["--socket", "--file", "none.yml"], "none.yml: No such file or directory"),
    ],
)
def test_not_printed(words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    """
    Wrong words are a usage error with a sentence.
    """
    with pytest.raises(SystemExit) as ended:
        main(words)

    assert 2 == ended.value.code
    assert capsys.readouterr().err.endswith(f"error: {sentence}\n")


URL = "https://ironclaw.example.com/slack/events"
COMMAND = {"command": "/ironclaw", "description": "x", "url": URL}
REFUSED = {
    "unknown key": ("settings.color", "red", "settings.color: unknown key"),
    "no name": ("display_information.name", None, "name: missing"),
    "name over 35": ("display_information.name", "x" * 36, "longer than 35"),
    "description over 140": ("display_information.description", "x" * 141, "longer than 140"),
    "long_description under 175": ("display_information.long_description", "short", "under 175"),
    "long_description over 4000": ("display_information.long_description", "x" * 4001, "longer than 4000"),
    "background_color": ("display_information.background_color", "red", "not of the form"),
    "agent_description over 300": ("features.agent_view.agent_description", "x" * 301, "longer than 300"),
    "5 prompts": (
        "features.agent_view.suggested_prompts",
        [{"title": "a", "message": "b"}] * 5,
        "0 to 4 items",
    ),
    "prompt parsed as mapping": ("features.agent_view.suggested_prompts", [{"title": None}], "must be text"),
    "assistant_view": ("features.assistant_view", {}, "assistant_view: unknown key"),
    "user_connections": ("features.user_connections", {}, "user_connections: unknown key"),
    "display_name over 80": ("features.bot_user.display_name", "x" * 81, "longer than 80"),
    "51 commands": ("features.slash_commands", [COMMAND] * 51, "1 to 50 items"),
    "command without slash": (
        "features.slash_commands",
        [{**COMMAND, "command": "ironclaw"}],
        "not of the form",
    ),
    "command over 32": (
        "features.slash_commands",
        [{**COMMAND, "command": "/" + "x" * 32}],
        "longer than 32",
    ),
    "command without url": (
        "features.slash_commands",
        [{"command": "/a", "description": "x"}],
        "url: missing",
    ),
    "11 shortcuts": ("features.shortcuts", [{}] * 11, "1 to 10 items"),
    "shortcut name over 24": (
        "features.shortcuts",
        [{"type": "message", "name": "x" * 25, "callback_id": "a", "description": "b"}],
        "longer than 24",
    ),
    "shortcut type": (
        "features.shortcuts",
        [{"type": "secret", "name": "x", "callback_id": "a", "description": "b"}],
        "must be one of message, global",
    ),
    "unknown scope": ("oauth_config.scopes.bot", ["admin"], "must be one of"),
    "unknown event": ("settings.event_subscriptions.bot_events", ["app_exploded"], "must be one of"),
    "plain http": ("settings.event_subscriptions.request_url", "http://a.example/", "not of the form"),
    "no request url": (
        "settings.interactivity.request_url",
        None,
        "settings.interactivity.request_url: missing",
    ),
    "is_enabled": ("settings.interactivity", {"request_url": URL}, "is_enabled: missing"),
    "socket mode with urls": ("settings.socket_mode_enabled", True, "must not be there in Socket Mode"),
    "no last words": (
        "settings.event_subscriptions.bot_events",
        ["agent_session_stopped", "app_mention"],
        "app_uninstalled must be subscribed",
    ),
    "agent without stop": (
        "settings.event_subscriptions.bot_events",
        ["app_uninstalled", "tokens_revoked"],
        "agent_session_stopped is missing",
    ),
    "agent without scope": ("oauth_config.scopes.bot", ["chat:write"], "assistant:write is missing"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(manifest: Json, name: str) -> None:
    """
    A manifest that breaks one rule is refused, and told which and where.
    """
    path, value, sentence = REFUSED[name]
    problems = problems_of(validate_manifest, changed(manifest, path, value))

    assert any(sentence in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("listeners", "methods", "sentence"),
    [
        (
            {"events": LISTENERS.events - {"app_mention"}},
            CALLED,
            "event app_mention: declared, but no listener",
        ),
        ({"events": LISTENERS.events | {"message.channels"}}, [], "event message.channels: has a listener"),
        ({"commands": frozenset({"/other"})}, [], "command /ironclaw: declared, but no listener"),
        ({"shortcuts": frozenset({"ask"})}, [], "shortcut ask: has a listener, but is not declared"),
        ({"actions": frozenset()}, [], "settings.interactivity.is_enabled: must be false"),
        ({}, [], "scope users:read: nothing needs it"),
        ({}, ["reactions.add"], "method reactions.add: needs the scope reactions:write"),
        ({}, ["files.upload"], "method files.upload: not in our own list"),
    ],
)
def test_differences(manifest: Json, listeners: Json, methods: list[str], sentence: str) -> None:
    """
    A difference in either direction is told.
    """
    heard = {name: getattr(LISTENERS, name) for name in ("events", "commands", "actions", "shortcuts")}
    problems = problems_of(check_manifest, manifest, Listeners(**{**heard, **listeners}), methods)

    assert any(sentence in problem for problem in problems), problems


def called_methods() -> set[str]:
    """Every Web API method that the Slack door's source names, as `chat.postMessage`."""
    folder = ROOT / "bot/ironclaw_bot/slack"
    trees = [ast.parse(path.read_text("utf-8")) for path in folder.glob("*.py")]
    named = {node.attr for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    known = {name for name in dir(AsyncWebClient) if "_" in name.strip("_") and not name.startswith("_")}
    return {name.replace("_", ".") for name in named & known} - {"api.call"}


def test_our_code(manifest: Json) -> None:
    """
    Both variants declare what the Slack door hears, with scopes for every method it calls.
    """
    methods = called_methods()
    check_manifest(manifest, LISTENERS, methods)
    check_manifest(socket_mode(manifest), LISTENERS, methods)

    assert {"chat.postMessage", "chat.update", "views.publish"} <= methods


def test_playground_default(manifest: Json) -> None:
    """
    The playground grants and sends what the manifest asks for, no more and no less.
    """
    assert set(manifest["oauth_config"]["scopes"]["bot"]) == DEFAULT_SCOPES
    assert set(manifest["settings"]["event_subscriptions"]["bot_events"]) == DEFAULT_EVENTS
