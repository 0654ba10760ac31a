"""The app manifest: keys, types and lengths as Slack publishes them, and what our way of working adds."""

from __future__ import annotations

from typing import Any

from ironclaw_bot.slack.rules.checks import (
    Problems,
    anything,
    boolean,
    integer,
    list_of,
    one_of,
    record,
    refuse,
    string,
)
from ironclaw_bot.slack.rules.scopes import BOT_SCOPES, EVENTS

_URL = string(3000, pattern=r"https://[^\s/]+\.[^\s/]+(/\S*)?")
_PROMPT = record({"title": string(75), "message": string(3000)})
_COMMAND = record(
    {"command": string(32, pattern=r"/[a-z0-9_-]+"), "description": string(2000)},
    {"usage_hint": string(1000), "should_escape": boolean, "url": _URL},
)
_SHORTCUT = record(
    {
        "type": one_of("message", "global"),
        "name": string(24),
        "callback_id": string(255),
        "description": string(150),
    }
)
_FEATURES = record(
    {},
    {
        "agent_view": record(
            {"agent_description": string(300)},
            {"suggested_prompts": list_of(_PROMPT, 4, least=0), "actions": list_of(anything, 100, least=0)},
        ),
        "app_home": record(
            {},
            {
                "home_tab_enabled": boolean,
                "messages_tab_enabled": boolean,
                "messages_tab_read_only_enabled": boolean,
            },
        ),
        "bot_user": record(
            {"display_name": string(80, pattern=r"[A-Za-z0-9 ._-]+")}, {"always_online": boolean}
        ),
        "slash_commands": list_of(_COMMAND, 50),
        "shortcuts": list_of(_SHORTCUT, 10),
    },
)
_SCOPES = list_of(one_of(*sorted(BOT_SCOPES)), 255)
_OAUTH = record(
    {"scopes": record({"bot": _SCOPES}, {"bot_optional": _SCOPES})},
    {
        "redirect_urls": list_of(_URL, 1000),
        "token_management_enabled": boolean,
        "pkce_enabled": boolean,
    },
)
_SETTINGS = record(
    {},
    {
        "event_subscriptions": record(
            {"bot_events": list_of(one_of(*sorted(EVENTS)), 100)}, {"request_url": _URL}
        ),
        "interactivity": record(
            {"is_enabled": boolean}, {"request_url": _URL, "message_menu_options_url": _URL}
        ),
        "org_deploy_enabled": boolean,
        "socket_mode_enabled": boolean,
        "token_rotation_enabled": boolean,
        "allowed_ip_address_ranges": list_of(string(64), 10),
        "is_mcp_enabled": boolean,
    },
)
_MANIFEST = record(
    {
        "display_information": record(
            {"name": string(35)},
            {
                "description": string(140),
                "long_description": string(4000, least=175),
                "background_color": string(7, pattern=r"#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})"),
            },
        ),
        "features": _FEATURES,
        "oauth_config": _OAUTH,
        "settings": _SETTINGS,
    },
    {"_metadata": record({"major_version": integer(2, 2)}, {"minor_version": integer(1, 1)})},
)
#: Uninstalling must always reach us: these events delete tokens.
LAST_WORDS = ("app_uninstalled", "tokens_revoked")


def validate_manifest(manifest: dict[str, Any]) -> None:
    """Refuses a manifest that Slack, or our own caution, would not install.

    :param manifest: the parsed `manifest.yml`
    :raises RuleError: with every problem
    """
    problems: Problems = []
    _MANIFEST(manifest, "", problems)
    refuse(problems)
    _check_transport(manifest, problems)
    _check_agent(manifest, problems)
    missing = [event for event in LAST_WORDS if event not in bot_events(manifest)]
    problems.extend(
        f"settings.event_subscriptions.bot_events: {event} must be subscribed" for event in missing
    )
    refuse(problems)


def bot_events(manifest: dict[str, Any]) -> list[str]:
    events: list[str] = manifest["settings"].get("event_subscriptions", {}).get("bot_events", [])
    return events


def urls(manifest: dict[str, Any]) -> dict[str, str | None]:
    """Each place that takes a request url, with what stands there; None when nothing does."""
    settings = manifest["settings"]
    found = {
        f"features.slash_commands[{index}].url": command.get("url")
        for index, command in enumerate(manifest["features"].get("slash_commands", []))
    }
    for key in ("event_subscriptions", "interactivity"):
        if key in settings:
            found[f"settings.{key}.request_url"] = settings[key].get("request_url")
    return found


def _check_transport(manifest: dict[str, Any], problems: Problems) -> None:
    """Socket Mode has no url anywhere; HTTP has one everywhere."""
    if manifest["settings"].get("socket_mode_enabled", False):
        problems.extend(
            f"{path}: must not be there in Socket Mode" for path, url in urls(manifest).items() if url
        )
    else:
        problems.extend(f"{path}: missing" for path, url in urls(manifest).items() if not url)


def _check_agent(manifest: dict[str, Any], problems: Problems) -> None:
    """The agent view sends and shows a session's stop button: both ends must be declared."""
    if "agent_view" not in manifest["features"]:
        return
    if "agent_session_stopped" not in bot_events(manifest):
        problems.append(
            "settings.event_subscriptions.bot_events: agent_session_stopped is missing for agent_view"
        )
    if "assistant:write" not in manifest["oauth_config"]["scopes"]["bot"]:
        problems.append("oauth_config.scopes.bot: assistant:write is missing for agent_view")
