"""One address that the host itself speaks to: checked and pinned anew for each request."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import aiohttp
from aiohttp import ClientResponse
from multidict import CIMultiDict

from ironclaw.binding import Injection
from ironclaw.egress import addresses, credentials, rules
from ironclaw.egress.client import NOT_PUBLIC, Egress
from ironclaw.egress.connecting import Gate, OneConnection, Pinned, session_over
from ironclaw.egress.urls import parse_url
from ironclaw.errors import EgressDenied, EgressUnavailable

CONNECT_SECONDS = 10.0


class Endpoint:
    """A server of the operator's choice, at exactly one address.  No redirect is followed, no proxy asked."""

    def __init__(self, egress: Egress, url: str) -> None:
        """
        :raises EgressDenied: it is not https://host/path, or http://localhost:port/path for development
        """
        self._egress = egress
        self.target = parse_url(url)
        if (self.target.scheme == "http") != (self.target.host == rules.LOCALHOST):
            raise EgressDenied("The address must be https://..., or http://localhost:... for development.")

    @contextlib.asynccontextmanager
    async def request(
        self, method: str, headers: CIMultiDict[str], body: bytes, secret: Injection | None
    ) -> AsyncIterator[ClientResponse]:
        """Send a request; its answer's body is read within the block, by whoever bounds it.

        :param secret: goes along where its binding covers method and address
        :raises EgressDenied: the address is not where it may be
        :raises EgressUnavailable: no connection, or no answer
        """
        lent = credentials.led_on(secret, method, self.target)
        pinned = Pinned(self.target.host, await self._egress.resolved(self.target))
        gate = Gate(self._is_allowed, self._egress.open_socket)
        connector = OneConnection(pinned, gate, self._egress.tls, None)
        try:
            async with (
                session_over(connector, "identity", CONNECT_SECONDS) as session,
                session.request(
                    method,
                    self.target.url(),
                    headers=credentials.carried(headers, lent),
                    data=body or None,
                    allow_redirects=False,
                ) as answer,
            ):
                yield answer
        except (aiohttp.ClientError, OSError) as error:
            if gate.has_refused:
                raise EgressDenied(f"{self.target.host} has {NOT_PUBLIC}.") from None
            raise EgressUnavailable(f"{self.target.host} gave no answer: {type(error).__name__}.") from None

    def _is_allowed(self, address: str) -> bool:
        is_local = self.target.host == rules.LOCALHOST
        return addresses.is_loopback(address) if is_local else addresses.is_public(address)
