"""A worker process: ``python -m ironclaw.sandbox.worker <profile> <socket> <code> <parent> [<root>]``.

It runs one component, and from its first call on for one tenant only.  Everything is imported and the
compiled code mapped before the process restricts itself; then it opens nothing outside the scratch root,
speaks to nobody but the supervisor, and starts no program.
"""

from __future__ import annotations

import base64
import gc
import os
import sys
from pathlib import Path
from typing import NoReturn

from wasmtime.component import Component

from ironclaw.errors import IronclawError, ToolboxError
from ironclaw.sandbox import fastbytes, hardening, landlock, seccomp
from ironclaw.sandbox.engine import make_engine, make_linker, self_test
from ironclaw.sandbox.guest import NOTHING, Guest, Order, Outcome, View
from ironclaw.sandbox.hostcalls import HostCalls
from ironclaw.sandbox.model import Profile
from ironclaw.sandbox.wire import Message, Pipe, WireError

#: Seconds before the next instance is made: the supervisor shall get the processor and pass the answer on.
#: Without them it often waited for this process's slice to end, 2 to 3 ms (measured with both cores busy).
COURTESY = 0.001


class Worker:
    """The loop: receive a call, run it, answer, make the next instance ready."""

    def __init__(self, pipe: Pipe, host: HostCalls, guest: Guest, threads: hardening.Threads) -> None:
        self._pipe, self._host, self._guest = pipe, host, guest
        self._threads = threads
        self._bound = False
        self._file_bytes = -1  #: How long a file may be, as last set.

    def serve_for_ever(self) -> NoReturn:
        self._restock()
        while True:
            message = self._pipe.receive()
            if not self._bound:
                self._bind(message["folder"], message["may_grow"])
            self._limit_files(message["file_bytes"])
            self._host.begin(message["now"], base64.b64decode(message["seed"]))
            self._pipe.send(_done(self._guest.serve(_order(message))))
            self._pipe.rest(COURTESY)
            self._host.idle()
            self._guest.discard()
            self._restock()

    def _restock(self) -> None:
        """Have an instance ready, and while nobody asks more of them."""
        while not self._guest.has_one or not (self._guest.is_stocked or self._pipe.has_word()):
            self._guest.renew()

    def _limit_files(self, most: int) -> None:
        if most != self._file_bytes:
            hardening.limit_files(most)
            self._file_bytes = most

    def _bind(self, folder: str | None, may_grow: bool) -> None:
        """Narrow the view from all tenants' folders to one, for life; in a full one only read and remove."""
        if folder is not None:
            self._threads.require_one()
            landlock.restrict(Path(folder), landlock.USE if may_grow else landlock.SHRINK)
        self._bound = True


def _order(message: Message) -> Order:
    return Order(
        tool=message["tool"],
        input=message["input"],
        fuel=message["fuel"],
        memory=message["memory"],
        output=message["output"],
        view=View(message["folder"], message["scratch"] == "write") if message["scratch"] else NOTHING,
    )


def _done(outcome: Outcome) -> Message:
    failure = (outcome.failure.kind.value, outcome.failure.message) if outcome.failure else None
    return {
        "kind": "done",
        "output": outcome.output,
        "failure": failure,
        "fuel": outcome.fuel,
        "memory": outcome.memory,
    }


def start(profile: Profile, pipe: Pipe, code: int, root: Path | None) -> Worker:
    """Load, restrict, warm.

    :raises SandboxError: this process cannot be made safe
    :raises ToolboxError: the component cannot be instantiated
    """
    fastbytes.install()
    engine = make_engine()
    host = HostCalls(pipe)
    self_test(engine, lambda: make_linker(engine, Profile.SCRATCH, host.functions()))
    component = Component.deserialize_file(engine, f"/dev/fd/{code}")
    os.close(code)
    linker = make_linker(engine, profile, host.functions())
    guest = Guest(engine, linker, component, wasi=profile is Profile.SCRATCH)
    threads = hardening.Threads()
    threads.require_one()
    hardening.limit(hardening.WORKER_LIMITS)
    landlock.restrict(root)
    seccomp.restrict()
    guest.renew()
    gc.freeze()  # What lives now lives as long as the process: no collection needs to look at it.
    return Worker(pipe, host, guest, threads)


def main(arguments: list[str]) -> None:
    profile, sock, code, parent, *root = arguments
    hardening.belong_to(int(parent))
    pipe = Pipe(int(sock))
    try:
        worker = start(Profile(profile), pipe, int(code), Path(root[0]) if root else None)
        pipe.send({"kind": "ready"})
        worker.serve_for_ever()
    except ToolboxError as error:
        pipe.send({"kind": "fatal", "of": "toolbox", "message": str(error)})
    except IronclawError as error:
        pipe.send({"kind": "fatal", "of": "sandbox", "message": str(error)})


if __name__ == "__main__":
    # Leave without the interpreter's and the engine's farewell: one in 64 such exits panicked (measured).
    status = 1
    try:
        main(sys.argv[1:])
        status = 0
    except (EOFError, OSError, WireError):
        pass  # The supervisor is gone, or ended this worker.
    finally:
        os._exit(status)
