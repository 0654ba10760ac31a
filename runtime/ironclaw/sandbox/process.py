"""One worker process, seen from the supervisor: start, send, receive, kill."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import socket
import sys
from pathlib import Path

from ironclaw.errors import SandboxError, ToolboxError
from ironclaw.sandbox.model import Profile
from ironclaw.sandbox.wire import CHUNK, Message, Unread, WireError, pack

START_SECONDS = 60  #: A busy machine is slow; a healthy start takes 0.2 s.


class WorkerGone(Exception):
    """The worker died, or said something that no worker of ours says."""


class WorkerProcess:
    """Made by :func:`start`; ready for its first call."""

    def __init__(self, child: asyncio.subprocess.Process, sock: socket.socket) -> None:
        self._child, self._sock = child, sock
        self._loop = asyncio.get_running_loop()
        self._pidfd = _pidfd(child.pid)
        self._unread = Unread()
        self._words = select.poll()
        self._words.register(sock, select.POLLIN)
        self._awaited: asyncio.Future[bool] | None = None  #: Whether more came; set while somebody waits.
        self._listen()

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def is_waiting(self) -> bool:
        """Whether it lives and has said nothing unasked: fit for a call."""
        # A poll sees words and the end of the pipe alike, and costs no exception as peeking does.
        return not self._unread and self._child.returncode is None and not self._words.poll(0)

    async def send(self, message: Message) -> None:
        """:raises WorkerGone: nobody reads
        :raises WireError: the message cannot be sent; the worker is unharmed
        """
        frame = pack(message)
        try:
            sent = self._send_at_once(frame)
            if sent < len(frame):
                await self._loop.sock_sendall(self._sock, memoryview(frame)[sent:])
        except OSError:
            raise WorkerGone from None

    def _send_at_once(self, frame: bytes) -> int:
        """How many bytes the pipe took."""
        try:
            return self._sock.send(frame)
        except BlockingIOError:
            return 0

    async def receive(self) -> Message:
        """:raises WorkerGone: it died, or what came is no message"""
        try:
            while (message := self._unread.message()) is None:
                await self._more()
        except WireError:
            raise WorkerGone from None
        return message

    async def _more(self) -> None:
        """:raises WorkerGone: there will be no more"""
        if not self._is_listening:
            self._listen()
        self._awaited = self._loop.create_future()
        try:
            if not await self._awaited:
                raise WorkerGone
        finally:
            self._awaited = None

    def _listen(self) -> None:
        """Be told of its words from now on: to ask for each word anew costs more than the word."""
        self._loop.add_reader(self._sock, self._hear)
        self._is_listening = True

    def _deafen(self) -> None:
        if self._is_listening:
            self._loop.remove_reader(self._sock)
            self._is_listening = False

    def _hear(self) -> None:
        if self._awaited is None or self._awaited.done():
            self._deafen()  # What nobody waits for stays in the pipe, which is bounded.
            return
        try:
            part = self._sock.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            part = b""
        self._unread.add(part)
        self._awaited.set_result(bool(part))

    def written(self) -> int:
        """Bytes that it wrote so far, to whatever; 0 where the system does not say."""
        try:
            text = Path(f"/proc/{self.pid}/io").read_bytes()
        except OSError:
            return 0
        return int(text.partition(b"wchar:")[2].split()[0])

    def stand_still(self) -> None:
        """Let it do nothing until :meth:`go_on`."""
        if sys.platform != "win32":
            self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        if sys.platform != "win32":
            self._signal(signal.SIGCONT)

    def end(self) -> None:
        """Kill it without waiting: who listens to it gets WorkerGone.  :meth:`kill` still has to follow."""
        self._signal(signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            if sys.platform != "linux":
                self._child.send_signal(number)
            elif self._pidfd is not None:
                # Not asyncio's: that looks whether the child ended, and takes its end from asyncio's watcher.
                signal.pidfd_send_signal(self._pidfd, number)

    async def kill(self) -> None:
        """End it, whatever it does; returns when it is gone.  Nobody may be waiting for its words."""
        self.end()
        await self._child.wait()
        self._deafen()
        self._sock.close()
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None


async def start(profile: Profile, code: int, root: Path) -> WorkerProcess:
    """A worker with one warm instance.

    :param code: descriptor of the compiled code
    :param root: the folder above the tenants' folders
    :raises ToolboxError: the component cannot be started
    :raises SandboxError: workers cannot run here
    """
    worker = await _spawn(profile, code, root)
    try:
        async with asyncio.timeout(START_SECONDS):
            _require_ready(await worker.receive())
    except (WorkerGone, TimeoutError):
        await worker.kill()
        raise SandboxError("A sandbox worker did not start: run `ironclaw doctor`.") from None
    except BaseException:
        await worker.kill()
        raise
    return worker


async def _spawn(profile: Profile, code: int, root: Path) -> WorkerProcess:
    ours, theirs = socket.socketpair()
    arguments = [profile.value, str(theirs.fileno()), str(code), str(os.getpid())]
    if profile is Profile.SCRATCH:
        arguments.append(str(root))
    try:
        ours.setblocking(False)
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-m", "ironclaw.sandbox.worker", *arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            pass_fds=(theirs.fileno(), code),
            env={},
            start_new_session=True,
            cwd="/",
        )
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    return WorkerProcess(child, ours)


def _pidfd(pid: int) -> int | None:
    """A descriptor that means this process and no later one of its number; None where it is gone already."""
    if sys.platform != "linux":
        return None
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return None


def _require_ready(message: Message) -> None:
    if message["kind"] == "ready":
        return
    error = ToolboxError if message.get("of") == "toolbox" else SandboxError
    raise error(str(message.get("message")))
