"""`manifest.yml` in its two variants: HTTP, as the file stands, and Socket Mode, made from it."""

from __future__ import annotations

import argparse
import copy
from pathlib import Path
from typing import Any

import yaml


def load_manifest(path: Path) -> dict[str, Any]:
    """The HTTP variant, parsed.

    :raises ValueError: when the file holds anything but a mapping
    """
    manifest = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(manifest, dict):
        raise ValueError(f"{path.name} must hold a mapping")
    return manifest


def socket_mode(manifest: dict[str, Any]) -> dict[str, Any]:
    """The same app without a public address: no request url anywhere, Socket Mode on."""
    variant = copy.deepcopy(manifest)
    settings = variant["settings"]
    settings["socket_mode_enabled"] = True
    for key in ("event_subscriptions", "interactivity"):
        settings[key].pop("request_url", None)
    for command in variant["features"]["slash_commands"]:
        command.pop("url", None)
    variant["oauth_config"].pop("redirect_urls", None)
    return variant


def at_address(manifest: dict[str, Any], base_url: str) -> dict[str, Any]:
    """The HTTP variant with the placeholder address replaced.

    :param base_url: where Slack reaches the bot, such as `https://bot.acme.com`; must be https
    :raises ValueError: for anything else
    """
    if not base_url.startswith("https://"):
        raise ValueError(f"{base_url} is no https address, and Slack calls no other")
    url = base_url.rstrip("/") + "/slack/events"
    variant = copy.deepcopy(manifest)
    for key in ("event_subscriptions", "interactivity"):
        variant["settings"][key]["request_url"] = url
    for command in variant["features"]["slash_commands"]:
        command["url"] = url
    return variant


def main(arguments: list[str] | None = None) -> None:
    """Prints a variant of `manifest.yml`, ready to paste into Slack's "From a manifest"."""
    parser = argparse.ArgumentParser(prog="python -m ironclaw_bot.slack.manifest")
    parser.add_argument("--file", type=Path, default=Path("manifest.yml"))
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--socket", action="store_true", help="Socket Mode: no url anywhere")
    which.add_argument("address", nargs="?", help="https address where Slack reaches the bot")
    wanted = parser.parse_args(arguments)
    try:
        manifest = load_manifest(wanted.file)
        variant = socket_mode(manifest) if wanted.socket else at_address(manifest, wanted.address)
    except OSError as error:
        parser.error(f"{wanted.file}: {error.strerror}")
    except (ValueError, yaml.YAMLError) as error:
        parser.error(str(error))
    print(yaml.safe_dump(variant, sort_keys=False, allow_unicode=True), end="")


if __name__ == "__main__":
    main()
