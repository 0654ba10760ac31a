"""Sends one request for a tool: each hop is read, checked, resolved once, pinned, and bounded."""

from __future__ import annotations

import asyncio
import functools
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

import aiohttp
from aiohttp import ClientResponse, ClientSession

from ironclaw.binding import Injection
from ironclaw.capabilities import SAFE_METHODS, HttpRequest, HttpResponse, HttpRule
from ironclaw.egress import addresses, credentials, headers, rules
from ironclaw.egress.bodies import read_body
from ironclaw.egress.connecting import (
    Gate,
    Hook,
    OneConnection,
    Pinned,
    SocketFactory,
    plain_socket,
    session_over,
)
from ironclaw.egress.hops import Hop, both, first_hop
from ironclaw.egress.urls import Target, redirect_target
from ironclaw.errors import EgressDenied, EgressUnavailable

REDIRECTS = frozenset({301, 302, 303, 307, 308})
MAX_REDIRECTS = 3
MAX_AT_ONCE = 64  #: Requests of the whole process.
RESOLVE_SECONDS = 5.0
ENCODINGS = "gzip, deflate"  #: As an answer may be packed: ``bodies`` unpacks these, within its bound.
NOT_PUBLIC = "an address that is not one of the public internet"

#: Gives a host's numeric addresses.
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


async def system_resolve(host: str, port: int) -> Sequence[str]:
    """The addresses that the operating system knows of a host."""
    loop = asyncio.get_running_loop()
    infos = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return [str(info[4][0]) for info in infos]


def strict_tls() -> ssl.SSLContext:
    """Certificates checked, TLS 1.2 or later.

    Made by hand: create_default_context would obey SSLKEYLOGFILE and write every key to that file.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_default_certs()
    return context


@functools.cache
def _own_tls() -> ssl.SSLContext:
    """What all have that bring none, and nobody changes: reading the system's certificates takes 20 ms."""
    return strict_tls()


class Egress:
    """The door to the network.

    :param resolve: gives a host's addresses; tests have their own
    :param open_socket: makes the socket for an address that passed the gate
    :param tls: how servers prove who they are
    :param allow_localhost: whether a rule for ``localhost`` works: it then means loopback, without DNS.
        For tests and development; no other host may ever resolve to loopback.
    :param seconds: for one fetch, redirects included
    :param max_bytes: of an answer's body, packed and unpacked
    """

    def __init__(
        self,
        *,
        resolve: Resolve = system_resolve,
        open_socket: SocketFactory = plain_socket,
        tls: ssl.SSLContext | None = None,
        allow_localhost: bool = False,
        seconds: float = 20.0,
        max_bytes: int = 1 << 20,
    ) -> None:
        self._resolve = resolve
        self.open_socket = open_socket
        self.tls = tls or _own_tls()
        self._allow_localhost = allow_localhost
        self._seconds = seconds
        self._max_bytes = max_bytes
        self._at_once = asyncio.Semaphore(MAX_AT_ONCE)
        self._is_closed = False

    async def close(self) -> None:
        """Let nothing more out.  A fetch on its way ends with its own task."""
        self._is_closed = True

    async def fetch(
        self,
        request: HttpRequest,
        rules: tuple[HttpRule, ...],
        *,
        idempotency_key: str | None = None,
        before_effect: Hook | None = None,
        is_check: bool = False,
        secret: Injection | None = None,
        before_secret: Hook | None = None,
    ) -> HttpResponse:
        """Send a request and give the answer, whatever its status.

        :param rules: what the tool may ask; ``@allowlist`` already replaced by effective_rules
        :param idempotency_key: sent with methods that can change something
        :param is_check: whether it asks about the request of that key: then it is sent with any method
        :param before_effect: awaited once, connected, before the first byte of such a method; what it raises
            ends the fetch, and nothing was sent
        :param secret: the one that the request names.  The answer may hold it: that is the caller's to scrub
        :param before_secret: as before_effect, before the first byte of a request that carries the secret
        :raises EgressDenied: no rule covers the request or where it leads
        :raises EgressUnavailable: no usable answer came
        """
        is_keyed = is_check or request.method not in SAFE_METHODS
        hop = first_hop(request, idempotency_key if is_keyed else None, secret)
        hop = replace(hop, before=both(hop, before_secret, before_effect))
        try:
            async with asyncio.timeout(self._seconds), self._at_once:
                return await self._follow(hop, rules)
        except TimeoutError:
            raise EgressUnavailable(f"{hop.target.host} did not answer within {self._seconds:g} s.") from None

    async def _follow(self, hop: Hop, allowed: tuple[HttpRule, ...]) -> HttpResponse:
        """Send, and go where GET and HEAD are led.  Repeating anything else is the tool's to decide."""
        for redirects in range(MAX_REDIRECTS + 1):
            response, location = await self._send(hop, allowed)
            if location is None:
                return _from(hop.target, response) if redirects else response
            target = redirect_target(hop.target, location)
            _check_host(allowed, target)
            if hop.method not in SAFE_METHODS:
                return response
            secret = credentials.led_on(hop.secret, hop.method, target)
            hop = Hop(hop.method, target, hop.headers, b"", None, secret)
        raise EgressDenied(f"{hop.target.host} redirects more than {MAX_REDIRECTS} times.")

    async def _send(self, hop: Hop, allowed: tuple[HttpRule, ...]) -> tuple[HttpResponse, str | None]:
        """One request and its answer, with the Location of a redirect."""
        if self._is_closed:
            raise EgressUnavailable("The host is shutting down.")
        rules.check(allowed, hop.method, hop.target)
        pinned = Pinned(hop.target.host, await self.resolved(hop.target))
        gate = Gate(self._gate(hop.target), self.open_socket)
        connector = OneConnection(pinned, gate, self.tls, hop.before)
        try:
            async with session_over(connector, ENCODINGS) as session, _request(session, hop) as answer:
                body = await read_body(answer, self._max_bytes)
                return _response(answer, body), _location(answer)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if gate.has_refused:
                raise EgressDenied(f"{hop.target.host} has {NOT_PUBLIC}.") from None
            raise EgressUnavailable(f"{hop.target.host} gave no answer: {_reason(error)}.") from None

    async def resolved(self, target: Target) -> Sequence[str]:
        """The host's addresses, resolved once and all of them checked.

        :raises EgressDenied: one of them is not of the public internet
        :raises EgressUnavailable: there is none
        """
        if target.host == rules.LOCALHOST:
            return ["127.0.0.1"]
        try:
            async with asyncio.timeout(RESOLVE_SECONDS):
                found = list(dict.fromkeys(await self._resolve(target.host, target.port)))
        except (OSError, UnicodeError):
            found = []
        if not found:
            raise EgressUnavailable(f"{target.host} has no address.")
        # All, not some: a mixed answer is how a rebinding server gets its second chance.
        if not all(addresses.is_public(address) for address in found):
            raise EgressDenied(f"{target.host} has {NOT_PUBLIC}.")
        return found

    def _gate(self, target: Target) -> Callable[[str], bool]:
        """Which addresses a socket for this target may have."""
        if target.host != rules.LOCALHOST:
            return addresses.is_public
        return addresses.is_loopback if self._allow_localhost else lambda _address: False


def _check_host(allowed: Sequence[HttpRule], target: Target) -> None:
    if not any(rules.covers_host(rule, target) for rule in allowed):
        raise EgressDenied(
            f"The request was sent, and its answer leads to {target.host}, which this call may not ask: "
            "it is not the host that it names, or not on the allowlist."
        )


def _request(session: ClientSession, hop: Hop) -> AbstractAsyncContextManager[ClientResponse]:
    sent = credentials.carried(hop.headers, hop.secret)
    return session.request(
        hop.method, hop.target.url(), headers=sent, data=hop.body or None, allow_redirects=False
    )


def _response(answer: ClientResponse, body: bytes) -> HttpResponse:
    return HttpResponse(answer.status, headers.incoming(answer.headers.items()), body)


def _from(target: Target, response: HttpResponse) -> HttpResponse:
    """The answer with where it came from in the end; a server's own content-location never gets in."""
    return replace(response, headers=(*response.headers, ("content-location", str(target.url()))))


def _location(answer: ClientResponse) -> str | None:
    return answer.headers.get("Location") if answer.status in REDIRECTS else None


def _reason(error: Exception) -> str:
    """Why, without the library's words: they hold the address with its query."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError | ssl.SSLCertVerificationError):
        return "its certificate does not prove who it is"
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
        return "it does not speak TLS as it should"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "it cannot be connected to"
    if isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError | OSError):
        return "the connection was lost"
    return "it does not speak HTTP as it should"
