"""Dies with secrets in its hands: ``python -m tests.fakes.crashing signal|exception``; a JSON list on stdin.

It prepares as the bot does, with the bot's log and a leak guard that knows the values.
"""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import sys
import threading
from functools import reduce

from ironclaw.settings import Settings
from ironclaw_bot import logs
from ironclaw_bot.crashing import prepare_for_the_worst
from ironclaw_plugins.leak_guard import LeakGuard
from tests.fakes.services import PlainServices


def _guard(value: str) -> LeakGuard:
    return LeakGuard(PlainServices(Settings.model_validate({"slack_signing_secret": value})))


def die(how: str, secret: str) -> None:
    """One secret in a local variable, in a frame of the stack."""
    if how == "signal":
        os.kill(os.getpid(), signal.SIGSEGV)
    raise RuntimeError(f"cannot use {secret}") from ValueError(secret)


def main(how: str, secrets: list[str]) -> None:
    """Die of each secret, in a thread of its own; of the last one for good."""
    guards = [_guard(value) for value in secrets]

    def redact(text: str) -> str:
        return reduce(lambda rest, guard: guard.ironclaw_redact("", rest) or rest, guards, text)

    faulthandler.enable()
    prepare_for_the_worst()
    logs.configure(Settings.model_validate({"log_format": "json"}), redact)
    for secret in secrets if how == "exception" else ():
        thread = threading.Thread(target=die, args=(how, secret))
        thread.start()
        thread.join()
    die(how, secrets[-1])


if __name__ == "__main__":
    main(sys.argv[1], json.load(sys.stdin))
