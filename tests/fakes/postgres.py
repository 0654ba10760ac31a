"""A PostgreSQL of the test's own: Debian's programs, a cluster in a temporary folder, a port of its own."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PATIENCE = 30.0  #: Seconds until the server answers.
USER = "ironclaw"
NOT_INSTALLED = "PostgreSQL is not installed"


def programs() -> Path | None:
    """Where initdb and postgres are; None where they are not installed."""
    # A variable, so that the message about it can be tested where it is there.
    place = os.environ.get("IRONCLAW_TEST_POSTGRES", "/usr/lib/postgresql")
    found = sorted(Path(place).glob("*/bin/initdb"), key=lambda each: int(each.parts[-3]))
    on_path = shutil.which("initdb") if place == "/usr/lib/postgresql" else None
    if found:
        return found[-1].parent
    return Path(on_path).parent if on_path else None


@dataclass(slots=True)
class Cluster:
    """One server with its databases."""

    folder: Path
    port: int
    server: subprocess.Popen[bytes]
    lasting: bool  #: Whether what it commits survives the machine: slower, and what is measured must.

    def url(self, database: str) -> str:
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """:return: the address of an empty one"""
        name = f"t{uuid.uuid4().hex[:16]}"
        self.run("postgres", f"CREATE DATABASE {name}")
        return self.url(name)

    def run(self, database: str, statement: str) -> str:
        """What psql prints of a statement, without decoration."""
        command = [_psql(), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", self.url(database)]
        done = subprocess.run([*command, "-c", statement], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def restart(self, how: str = "immediate") -> None:
        """Stop it, at once or kindly ("fast"), and start it again on the same port."""
        self.stop(how)
        self.start()

    def start(self) -> None:
        """Start it again on the same port."""
        self.server = _served(self.folder, self.port, lasting=self.lasting)

    def stop(self, how: str = "fast") -> None:
        """:param how: "immediate" stops it as a crash would"""
        signals = {"smart": 15, "fast": 2, "immediate": 3}
        self.server.send_signal(signals[how])
        self.server.wait(PATIENCE)


@contextlib.contextmanager
def cluster(*, lasting: bool = False) -> Iterator[Cluster]:
    """A server until the block ends, in a folder that its user can reach: pytest's are nobody else's.

    :raises RuntimeError: PostgreSQL is not installed
    """
    where = programs()
    if where is None:
        raise RuntimeError(f"{NOT_INSTALLED}: apt-get install postgresql")
    data = Path(tempfile.mkdtemp(prefix="ironclaw-pg-"))
    owner = _owner()
    if owner:
        shutil.chown(data, owner)
    command = [where / "initdb", "-D", data, "-U", USER, "-A", "trust", "--locale=C", "-E", "UTF8", "-N"]
    subprocess.run(command, check=True, capture_output=True, user=owner, cwd="/")
    port = _free_port()
    found = Cluster(data, port, _served(data, port, lasting=lasting), lasting)
    try:
        yield found
    finally:
        if found.server.poll() is None:
            found.stop("immediate")
        shutil.rmtree(data, ignore_errors=True)


def _served(data: Path, port: int, *, lasting: bool) -> subprocess.Popen[bytes]:
    where = programs()
    assert where is not None
    options = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "max_connections": "200"}
    if not lasting:
        # What is committed survives the server's own death all the same: the system has it.
        options |= {"fsync": "off", "full_page_writes": "off"}
    words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    with (data / "server.log").open("ab") as log:
        command = [where / "postgres", "-D", data, "-p", str(port), *words]
        server = subprocess.Popen(command, stdout=log, stderr=log, user=_owner(), cwd="/")
    _wait_until_ready(server, port, data)
    return server


def _wait_until_ready(server: subprocess.Popen[bytes], port: int, data: Path) -> None:
    until = time.monotonic() + PATIENCE
    command = [_psql(), "-X", "-q", "-d", f"postgresql://{USER}@127.0.0.1:{port}/postgres", "-c", "SELECT 1"]
    while subprocess.run(command, capture_output=True).returncode:
        if server.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"PostgreSQL did not start: {(data / 'server.log').read_text()[-2000:]}")
        time.sleep(0.05)


def _psql() -> str:
    return shutil.which("psql") or str(programs() or "") + "/psql"


def _owner() -> str | None:
    """PostgreSQL refuses to run as root: then somebody ordinary runs it."""
    if os.getuid():
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    return None


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])
