"""Starts ``ironclaw`` without waiting for Python's imports: forks of a process that has them behind it.

That process, ``python nursery.py``, has run no line of ours but imports.  A fork of it gets the folder,
environment and pipes that it was asked for, runs the console script's own ``main``, dies of signals and is
waited for as any other process.  Orders come on standard input, a socket, until that ends.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import socket
import sys
from contextlib import suppress
from importlib.metadata import entry_points
from typing import Any

CHUNK = 1 << 16  #: Bytes.
FILES = 4  #: Descriptors with each order: standard input, output and error, and where its end is told.
#: What a bot or a command loads when it comes to it, where it is installed.
LATE = (
    *("ironclaw.app", "ironclaw.app.backups", "ironclaw.app.moving"),
    *("ironclaw.replicas", "ironclaw.store.postgres"),
    *("ironclaw_bot.serve", "ironclaw_bot.demo", "ironclaw_bot.doctor", "ironclaw_bot.authoring.showing"),
)

Order = dict[str, Any]


def load() -> None:
    """Import what a bot imports."""
    importlib.import_module("ironclaw_bot.cli")
    for each in entry_points(group="ironclaw"):
        each.load()
    for name in LATE:
        with suppress(ImportError):
            importlib.import_module(name)
    gc.freeze()  # What lives now is shared by all forks: no collection shall write to it.


def serve(orders: socket.socket) -> Order:
    """Fork for each order.

    :return: in forks only, what was ordered
    :raises SystemExit: there will be no more orders
    """
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # Keepers end unseen.
    while True:
        order, files = _received(orders)
        if os.fork() == 0:
            os.close(orders.detach())
            return _keep(order, files)
        _close(files)


def _received(orders: socket.socket) -> tuple[Order, list[int]]:
    text, files, *_ = socket.recv_fds(orders, CHUNK, FILES)
    while text and not text.endswith(b"\n"):
        text += orders.recv(CHUNK)
    if not text:
        raise SystemExit
    return json.loads(text), files


def _keep(order: Order, files: list[int]) -> Order:
    """Fork once more, tell who it is, wait for it and tell how it ended.  Returns in the fork only."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        _become(order, files)
        return order
    _close(files[:3])
    try:
        os.write(files[3], b"%d\n" % pid)
        os.write(files[3], b"%d\n" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    finally:
        os._exit(0)


def _become(order: Order, files: list[int]) -> None:
    """What a program that was just started has: its files, folder, words and environment."""
    for number, file in enumerate(files[:3]):
        os.dup2(file, number)
    _close(files)
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environ"])
    sys.argv[:] = order["words"]
    if "IRONCLAW_FAILPOINT" in os.environ:  # The one thing that an import takes from the environment.
        importlib.reload(importlib.import_module("ironclaw.failpoints"))


def _close(files: list[int]) -> None:
    for file in files:
        os.close(file)


if __name__ == "__main__":
    del sys.path[0]
    if os.fork():
        os._exit(0)  # No child of who started it: tests count their own.
    load()
    serve(socket.socket(fileno=os.dup(0)))
    sys.exit(sys.modules["ironclaw_bot.cli"].main())
