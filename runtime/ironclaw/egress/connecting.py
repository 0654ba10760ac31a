"""One connection to one pinned address, and never another."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address
from ssl import SSLContext
from typing import Any

from aiohttp import ClientRequest, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import Connection

from ironclaw.errors import EgressUnavailable

#: (family, type, protocol, canonical name, socket address), as getaddrinfo gives it.
AddrInfo = tuple[Any, ...]
SocketFactory = Callable[[AddrInfo], socket.socket]
Hook = Callable[[], Awaitable[None]]


def plain_socket(info: AddrInfo) -> socket.socket:
    """A socket of the asked family."""
    return socket.socket(info[0], info[1], info[2])


class Pinned(AbstractResolver):
    """Answers with the addresses that were checked, for the host that they were checked for."""

    def __init__(self, host: str, addresses: Sequence[str]) -> None:
        self._host = host
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if host != self._host:
            raise OSError("another host than the one that was checked")
        return [_result(host, port, address) for address in self._addresses]

    async def close(self) -> None:
        """Nothing is open."""


def _result(host: str, port: int, address: str) -> ResolveResult:
    family = socket.AF_INET6 if ip_address(address).version == 6 else socket.AF_INET
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    return ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=flags)


class Gate:
    """The last gate: sees each address that a socket is made for.  Literals pass every resolver by."""

    def __init__(self, is_allowed: Callable[[str], bool], open_socket: SocketFactory) -> None:
        self._is_allowed = is_allowed
        self._open = open_socket
        self.has_refused = False

    def __call__(self, info: AddrInfo) -> socket.socket:
        if not self._is_allowed(str(info[4][0])):
            self.has_refused = True
            raise PermissionError("this address is refused")
        return self._open(info)


class OneConnection(TCPConnector):
    """Connects once.  aiohttp sends PUT and DELETE again after a lost connection: a thing done twice."""

    def __init__(self, resolver: Pinned, gate: Gate, tls: SSLContext, before: Hook | None) -> None:
        super().__init__(
            resolver=resolver,
            socket_factory=gate,
            ssl=tls,
            use_dns_cache=False,
            force_close=True,
        )
        self._before = before
        self._is_used = False

    async def connect(
        self,
        req: ClientRequest,
        traces: list[Any],
        timeout: ClientTimeout,  # noqa: ASYNC109 - aiohttp's signature
    ) -> Connection:
        """Connect; then, before the first byte is sent, wait for the hook.

        :raises EgressUnavailable: it was connected before
        """
        if self._is_used:
            raise EgressUnavailable("The connection was lost before an answer came.")
        self._is_used = True
        connection = await super().connect(req, traces, timeout)
        try:
            if self._before:
                await self._before()
        except BaseException:
            connection.close()
            raise
        return connection


def session_over(
    connector: OneConnection, encodings: str, connect_seconds: float | None = None
) -> ClientSession:
    """Keeps nothing, asks no proxy, and unpacks nothing: whoever reads an answer bounds that.

    :param encodings: how an answer may be packed
    :param connect_seconds: for the connection; None where all of it has one limit
    """
    return ClientSession(
        connector=connector,
        cookie_jar=DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
        timeout=ClientTimeout(total=None, sock_connect=connect_seconds),
        headers={"User-Agent": "ironclaw", "Accept-Encoding": encodings},
    )
