"""Every kind of secret in every carrier that a text can be, and texts that must stay as they are.

Each kind is tried as a configured value in all carriers; a kind that can be known by its look is tried
again, unconfigured, in plain ones.  Processes die for the crash dump.  Sinks (audit log, rows, cards) and
attacks at the host's boundary are other drivers' to judge.  A streamed text is cut at every character of
the secret, as what a person sees of it while it is written.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any
from urllib.parse import quote

from ironclaw.orchestrator.drafting import HELD, held_back
from ironclaw.settings import Settings
from ironclaw_plugins.leak_guard import LeakGuard
from tests.cases._crash_dump import left_by_crashes
from tests.fakes.services import PlainServices

FILE = "secret_leak_cases.json"

#: Nothing in how these look tells them from a digest or an id.
FACELESS = {"slack_signing_secret", "aws_secret", "qdrant_key"}
CRASH = "in a crash dump / faulthandler output"
STREAMED = "chunked across two streamed tokens"
NOT_YET = {"in a vector memory payload"}
AROUND = ("line before\n", "\nline after")


def _traceback(secret: str) -> str:
    try:
        raise ValueError(f"cannot use {secret!r}")
    except ValueError:
        return traceback.format_exc()


def _chained(secret: str) -> str:
    try:
        raise RuntimeError("the call failed") from ValueError(f"token {secret}")
    except RuntimeError:
        return traceback.format_exc()


def _block(secret: str) -> str:
    return json.dumps({"type": "section", "text": {"type": "mrkdwn", "text": f"*key*\n{secret}"}})


#: Carriers where the secret stands as it is.
PLAIN: dict[str, Callable[[str], str]] = {
    "plain in tool output text": lambda secret: f"the key is {secret} they say",
    "JSON string value": lambda secret: json.dumps({"key": secret, "n": 1}),
    "JSON key": lambda secret: json.dumps({secret: 1}),
    "URL query ?token=": lambda secret: f"GET https://api.example/x?token={secret}&n=1",
    "URL path": lambda secret: f"https://api.example/v1/{secret}/x",
    "HTTP header Authorization echoed in an error": lambda secret: (
        f"401: {{'Authorization': 'Bearer {secret}'}}"
    ),
    "Python traceback repr": _traceback,
    "inside a filename": lambda secret: f"notes/backup_{secret}.txt",
    "inside a Slack block": _block,
    "in an exception chained cause": _chained,
    "in structlog kwargs": lambda secret: json.dumps({"event": "call", "level": "info", "key": secret}),
}
#: Carriers that change it.
CHANGED: dict[str, Callable[[str], str]] = {
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "base64url no padding": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode().rstrip("="),
    "hex": lambda secret: secret.encode().hex(),
    "percent-encoded": lambda secret: quote(secret, safe=""),
    "JSON-escaped \\u00xx": lambda secret: "".join(f"\\u{ord(char):04x}" for char in secret),
    "split by newline every 20 chars": lambda secret: "\n".join(
        secret[at : at + 20] for at in range(0, len(secret), 20)
    ),
    "split by zero-width space": "\u200b".join,
    "double percent-encoded": lambda secret: quote(quote(secret, safe=""), safe=""),
    "reversed": lambda secret: secret[::-1],
    "upper-cased": str.upper,
    "gzip+base64": lambda secret: base64.b64encode(gzip.compress(secret.encode(), mtime=0)).decode(),
}


async def cases(data: dict[str, Any]) -> AsyncIterator[tuple[str, str | None]]:
    """One outcome per kind and carrier, and per negative."""
    unconfigured = _guard("")
    listed = set(data["carriers"]).union(*data["expectation_by_carrier"].values())
    for secret in data["secrets"]:
        kind, value = secret["kind"], "".join(secret["parts"])
        for name, outcome in _configured(value, listed):
            yield f"{kind}, configured, {name}", outcome
        if kind not in FACELESS:
            for name in PLAIN.keys() & listed:
                yield f"{kind}, unknown, {name}", _hidden(unconfigured, PLAIN[name](value), value)
            yield f"{kind}, unknown, {STREAMED}", _never_shown(unconfigured, value)
    values = ["".join(secret["parts"]) for secret in data["secrets"]]
    ends = await asyncio.to_thread(lambda: list(left_by_crashes(values)))
    for secret, outcome in zip(data["secrets"], ends, strict=True):
        yield f"{secret['kind']}, {CRASH}", outcome
    for number, text in enumerate(data["negatives"], 1):
        clean = unconfigured.ironclaw_redact("t1", text)
        yield f"negative {number}", None if clean is None else f"{text!r} became {clean!r}"


def _configured(value: str, listed: set[str]) -> Iterator[tuple[str, str | None]]:
    guard = _guard(value)
    for name, carry in (PLAIN | CHANGED).items():
        if name in listed:
            yield name, _hidden(guard, carry(value), value, carry(value) if name in CHANGED else value)
    if STREAMED in listed:
        yield STREAMED, _never_shown(guard, value)


def _guard(secret: str) -> LeakGuard:
    return LeakGuard(PlainServices(Settings.model_validate({"slack_signing_secret": secret or None})))


def _never_shown(guard: LeakGuard, secret: str) -> str | None:
    """None when no draft of a text that holds the secret shows a part of it, wherever the stream was cut."""
    before, after = (
        "It was found here. " * 20 + "key=",
        " and more." + " Nothing else is known." * (HELD // 10),
    )
    text = before + secret + after
    for end in (*range(len(before), len(before + secret) + 40), len(text)):
        shown = held_back(guard.ironclaw_redact("t1", text[:end]) or text[:end])
        if secret[:6] in shown:
            return f"a draft shows the secret's beginning once {end - len(before)} characters of it are there"
    return None if "[redacted: " in shown else "the secret's place is never shown"


def _hidden(guard: LeakGuard, carrier: str, *needles: str) -> str | None:
    """None when no needle is left and everything around it is."""
    before, after = AROUND
    clean = guard.ironclaw_redact("t1", before + carrier + after)
    if clean is None:
        return "nothing was redacted"
    if any(needle in clean for needle in needles):
        return f"the secret is still there ({len(clean)} characters)"
    if not (clean.startswith(before) and clean.endswith(after)):
        return "text around the secret was lost"
    return None if "[redacted: " in clean else "no mark says that something was redacted"
