"""The host's seals over what people decided of a server's tools: whoever changes rows cannot approve."""

from __future__ import annotations

import hmac
from dataclasses import asdict, replace

from ironclaw.canonical import mac, subkey
from ironclaw.store import McpListing

_UNSEALED = ("seal", "last_word")


class Seals:
    """Made and checked with the host's key for this life of the database."""

    def __init__(self, key: bytes) -> None:
        self._key = subkey(key, "mcp listing")

    def sealed(self, row: McpListing) -> McpListing:
        return replace(row, seal=self._over(row))

    def holds(self, row: McpListing) -> bool:
        return hmac.compare_digest(self._over(row).encode(), row.seal.encode())

    def _over(self, row: McpListing) -> str:
        return mac(self._key, {name: value for name, value in asdict(row).items() if name not in _UNSEALED})
