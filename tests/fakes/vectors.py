"""Tokens as a case file describes them: placeholders filled, signed, and spoiled."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
from typing import Any

from tests.fakes.tokens import Issuer, b64

Case = dict[str, Any]


class Builder:
    """Makes the token of one vector."""

    def __init__(self, case: Case, issuer: Issuer, used_jti: str) -> None:
        self.case = case
        self.issuer = issuer
        self.used_jti = used_jti

    def token(self) -> str:
        """A token that its tampering really changed: some changes touch only some signatures."""
        for _ in range(50):
            whole = self._signed()
            token = self._tamper(whole)
            if token != whole or self.case.get("tamper") not in BY_CHANCE:
                return token
        raise ValueError(f"tamper {self.case['tamper']!r} changes nothing")

    def _signed(self) -> str:
        header, payload = self._segment("header"), self._segment("payload")
        if self.case.get("raw") is not None:
            return self.fill(self.case["raw"]).replace("{{hdr}}", header)
        signed = f"{header}.{payload}"
        return f"{signed}.{b64(self._signature(signed.encode()))}"

    def _segment(self, name: str) -> str:
        return b64(self.fill(self.case[name]).encode())

    def _signature(self, signed: bytes) -> bytes:
        sign = self.case.get("sign")
        if not sign:
            return b""
        return self.issuer.sign(sign["alg"], sign["key"], signed, der=self.case.get("tamper") == "der_sig")

    def fill(self, text: str) -> str:
        now = int(time.time())
        text = re.sub(r"\{\{now([+-]\d+)?\}\}", lambda found: str(now + int(found[1] or 0)), text)
        text = re.sub(r"\{\{repeat:(.):(\d+)\}\}", lambda found: found[1] * int(found[2]), text)
        known = {
            "jti": secrets.token_hex(16),
            "used_jti": self.used_jti,
            "evil_n": b64(secrets.token_bytes(256)),
        }
        known |= {"pad1MB": "a" * 1_000_000, "nest5000": "[" * 5000 + "]" * 5000}
        for name, value in known.items():
            text = text.replace("{{" + name + "}}", value)
        return text

    def _tamper(self, token: str) -> str:
        kind = self.case.get("tamper")
        if kind in ELSEWHERE:
            return token
        header, payload, signature = token.split(".")
        return TAMPERS[kind](header, payload, signature)


def _flip(segment: str) -> str:
    middle = len(segment) // 2
    return segment[:middle] + ("A" if segment[middle] != "A" else "B") + segment[middle + 1 :]


def _trailing_bits(segment: str) -> str:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return segment[:-1] + alphabet[alphabet.index(segment[-1]) | 1]


#: Not done to the finished token, but by the scheme or the signature.
ELSEWHERE = (None, "bearer_twice", "lower_bearer", "der_sig")
#: Changes nothing in a signature that happens to hold none of the letters in question.
BY_CHANCE = ("std_b64", "trailing_bits")
TAMPERS: dict[str, Callable[[str, str, str], str]] = {
    "empty_sig": lambda header, payload, _: f"{header}.{payload}.",
    "empty_payload": lambda header, _, signature: f"{header}..{signature}",
    "empty_header": lambda _, payload, signature: f".{payload}.{signature}",
    "zero_sig": lambda header, payload, _: f"{header}.{payload}.{b64(bytes(64))}",
    "drop_sig": lambda header, payload, _: f"{header}.{payload}",
    "extra_segment": lambda header, payload, signature: f"{header}.{payload}.{signature}.{signature}",
    "flip_header_bit": lambda header, payload, signature: f"{_flip(header)}.{payload}.{signature}",
    "flip_payload_bit": lambda header, payload, signature: f"{header}.{_flip(payload)}.{signature}",
    "flip_sig_bit": lambda header, payload, signature: f"{header}.{payload}.{_flip(signature)}",
    "pad_equals": lambda *segments: ".".join(part + "=" * (-len(part) % 4) for part in segments),
    "std_b64": lambda *segments: ".".join(segments).replace("-", "+").replace("_", "/"),
    "ws_inside": lambda header, payload, signature: f"{header}. {payload}.{signature}",
    "newline_end": lambda *segments: ".".join(segments) + "\n",
    "trailing_bits": lambda header, payload, signature: f"{header}.{payload}.{_trailing_bits(signature)}",
    "truncate_half": lambda *segments: (whole := ".".join(segments))[: len(whole) // 2],
}
