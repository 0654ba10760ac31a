"""What Slack accepts, written down: checked before sending, and again by the playground on receipt.

Stricter than Slack where Slack is silent, and knowing nothing of IronClaw: the playground uses it too.
Each function raises `RuleError` with every problem it found, never only the first.
"""

from ironclaw_bot.slack.rules.checks import RuleError
from ironclaw_bot.slack.rules.listeners import Listeners, check_manifest, ids_in
from ironclaw_bot.slack.rules.manifest import validate_manifest
from ironclaw_bot.slack.rules.surfaces import validate_message, validate_view

__all__ = [
    "Listeners",
    "RuleError",
    "check_manifest",
    "ids_in",
    "validate_manifest",
    "validate_message",
    "validate_view",
]
