"""A small internet in one process: names, addresses, and a real TLS server behind all of them.

Egress runs as it is; only the last step differs: a socket that connects to 93.184.216.34 is led to the
server on loopback, and the address is noted.
"""

from __future__ import annotations

import asyncio
import datetime
import inspect
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ironclaw.egress import Egress
from ironclaw.egress.client import strict_tls

PUBLIC = "93.184.216.34"
Answer = Callable[[int, "Seen"], Any]  #: Bytes, or an awaitable of them.
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as the server got it."""

    method: str
    path: str
    headers: dict[str, str]  #: Names in lower case.
    body: bytes

    @property
    def host(self) -> str:
        return self.headers["host"]


@dataclass(slots=True)
class Web:
    """What is out there, and what was seen of it."""

    port: int = 0
    names: dict[str, Any] = field(
        default_factory=dict
    )  #: host -> answers of each lookup in turn, or "TIMEOUT".
    answer: Answer = lambda _number, _seen: OK
    lookups: list[str] = field(default_factory=list)
    connections: list[str] = field(default_factory=list)
    requests: list[Seen] = field(default_factory=list)
    hold: asyncio.Event | None = None  #: After its answer, a server waits for this before it closes.

    def meet(self, names: dict[str, Any], answer: Answer | None = None) -> None:
        """Forget what was seen; from now on these names and answers."""
        self.names = {name.lower(): answers for name, answers in names.items()}
        self.answer = answer or (lambda _number, _seen: OK)
        for seen in (self.lookups, self.connections, self.requests):
            seen.clear()

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """The next answer of this name; the last one stays."""
        self.lookups.append(host)
        answers = self.names.get(host)
        if answers == "TIMEOUT":
            raise TimeoutError
        if answers is None:
            raise OSError("no such name")
        return list(answers[min(self.lookups.count(host), len(answers)) - 1])

    def open_socket(self, info: tuple[Any, ...]) -> socket.socket:
        return LedSocket(self, info[0])

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request, one answer, close."""
        try:
            seen = await _read(reader)
            self.requests.append(seen)
            answer = self.answer(len(self.requests) - 1, seen)
            if inspect.isawaitable(answer):
                answer = await answer
            writer.write(answer if seen.method != "HEAD" else answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
            await writer.drain()
            if self.hold:
                await self.hold.wait()
        except (OSError, asyncio.IncompleteReadError):
            pass  # The client left first.
        finally:
            writer.close()


class LedSocket(socket.socket):
    """A socket of any family that connects to the server, whatever address it is told."""

    def __init__(self, web: Web, family: socket.AddressFamily) -> None:
        super().__init__(socket.AF_INET, socket.SOCK_STREAM)
        self._web = web
        self._shown = family

    @property
    def family(self) -> socket.AddressFamily:  # type: ignore[override]
        return self._shown

    def connect(self, address: Any) -> None:
        self._web.connections.append(address[0])
        super().connect(("127.0.0.1", self._web.port))


async def _read(reader: asyncio.StreamReader) -> Seen:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, path, _version = head[0].split(" ")
    headers = {
        name.lower(): value.strip() for name, value in (line.split(":", 1) for line in head[1:] if line)
    }
    return Seen(method, path, headers, await reader.readexactly(int(headers.get("content-length", 0))))


@asynccontextmanager
async def web(folder: Path, hosts: Iterable[str]) -> AsyncIterator[Web]:
    """A running web whose server proves to be any of these hosts, by a certificate in the folder."""
    certificate = write_certificate(folder, hosts)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    found = Web()
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0, ssl=context)
    found.port = server.sockets[0].getsockname()[1]
    async with server:
        yield found


def egress(found: Web, folder: Path, **options: Any) -> Egress:
    """A door to this web."""
    tls = strict_tls()
    tls.load_verify_locations(folder / "web.pem")
    return Egress(resolve=found.resolve, open_socket=found.open_socket, tls=tls, **options)


def write_certificate(folder: Path, hosts: Iterable[str]) -> Path:
    """A self-signed certificate for these hosts with its key, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "web of the tests")])
    names = [x509.DNSName(host) for host in dict.fromkeys(hosts)]
    start = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=7))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "web.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + _pem(key))
    path.chmod(0o600)
    return path


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
