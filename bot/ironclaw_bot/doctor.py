"""Says what works here and what does not, and what to do about it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass

from ironclaw.errors import IronclawError
from ironclaw.keys import load_key
from ironclaw.registry import Registry
from ironclaw.sandbox import layers
from ironclaw.settings import Settings
from ironclaw_bot.build import built_folder
from ironclaw_plugins.policy_cedar import check_policy


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    is_well: bool
    remedy: str = ""
    is_fatal: bool = False  #: The bot will not start, or would not be safe.

    @property
    def mark(self) -> str:
        if self.is_well:
            return "ok  "
        return "FAIL" if self.is_fatal else "note"


async def examine(settings: Settings) -> list[Finding]:
    """Look at everything that can be looked at without a network."""
    checks = (_python, _key, _data, _tools, _policy, _slack, _jwt, _brain, _approvers)
    return [*(check(settings) for check in checks), *_layers()]


def _python(settings: Settings) -> Finding:
    return Finding(
        f"Python {sys.version.split()[0]}", sys.version_info >= (3, 11), "IronClaw needs 3.11.", True
    )


def _tried(what: str, attempt: Callable[[], object]) -> Finding:
    try:
        attempt()
    except IronclawError as error:
        return Finding(what, False, str(error), True)
    return Finding(what, True)


def _key(settings: Settings) -> Finding:
    return _tried("host key, readable by its owner alone", lambda: load_key(settings.key_file))


def _data(settings: Settings) -> Finding:
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    well = os.access(settings.data_dir, os.W_OK) and not settings.data_dir.stat().st_mode & 0o077
    return Finding("data folder, ours alone", well, "Run chmod 700 on data_dir, or set another one.", True)


def _tools(settings: Settings) -> Finding:
    folders = [built_folder() / "standard", *settings.toolboxes]
    return _tried("toolboxes match their manifests", lambda: Registry.load(folders))


def _policy(settings: Settings) -> Finding:
    return _tried("policy is valid", lambda: check_policy(settings.policy_file))


def _slack(settings: Settings) -> Finding:
    if not settings.slack_bot_token:
        return Finding("Slack is not configured", True)
    way = "Socket Mode" if settings.slack_app_token else "events over HTTP"
    has_way = bool(settings.slack_app_token or settings.slack_signing_secret)
    return Finding(f"Slack by {way}", has_way, "Set SLACK_SIGNING_SECRET or SLACK_APP_TOKEN.", True)


def _jwt(settings: Settings) -> Finding:
    if not settings.jwt_issuer:
        return Finding("JWT is off: the HTTP door takes no tasks", True)
    has_keys = settings.jwt_jwks is not None and settings.jwt_jwks.exists()
    return Finding(f"JWT by {settings.jwt_issuer}", has_keys, "Set jwt_jwks to a JWKS file.", True)


def _brain(settings: Settings) -> Finding:
    return Finding(f"brain {settings.brain_name}", True)


def _approvers(settings: Settings) -> Finding:
    well = bool(settings.approvers) or any(tenant.approvers for tenant in settings.tenants.values())
    return Finding(
        "somebody may approve", well, "No approvers: every high-risk call will expire. Set approvers."
    )


def _layers() -> list[Finding]:
    remedy = "This kernel lacks it; the other layers still hold."
    return [Finding(f"sandbox layer {name}", holds, remedy) for name, holds in layers().items()]
