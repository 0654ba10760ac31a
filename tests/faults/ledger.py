"""What the cells run and where it is counted: a toolbox whose every call is one POST, and its receiver."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web
from wasmtime import wat2wasm

from ironclaw.task import Effect
from tests.fakes.sandbox import ECHO, HOST, toolbox_text

CHECK = "ledger.happened"
_METHODS = 512  #: Where POST and, behind it, GET stand in memory.
#: The input is {"url":"..."} in canonical bytes: the address is all but its first 8 and last 2 bytes.
_ASK = """(call $http (i32.const {method}) (i32.const {length})
   (i32.add (local.get $input) (i32.const 8)) (i32.sub (local.get $size) (i32.const 10))
   (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
   (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 256))
  """
#: The body of the answer, which begins at 256, as the result.
_ANSWER = """(i32.store8 (i32.const 32) (i32.const 0))
  (i32.store (i32.const 36) (i32.load (i32.const 272))) (i32.store (i32.const 40) (i32.load (i32.const 276)))
  (i32.const 32)"""
_RUN = f"""(if (result i32) (i32.eq (local.get 1) (i32.const {len(CHECK)}))
  (then {_ASK.format(method=_METHODS + 4, length=3)} {_ANSWER})
  (else {_ASK.format(method=_METHODS, length=4)} {ECHO}))"""
_DATA = '(data (i32.const 0) "GEThttps://example.com/")'
_HEAD = """name = "ledger"
version = "1.0.0"
component = "component.wasm"
sha256 = "{sha256}"
"""
_TOOL = """
[tools."{name}"]
description = "Write one line into the ledger behind the address, or say whether it is there."
risk = "{risk}"
effect = "{effect}"
{check}
http = [{{ host = "@allowlist", methods = [{methods}], paths = ["/"] }}]
[tools."{name}".schema]
type = "object"
additionalProperties = false
required = ["url"]
[tools."{name}".schema.properties.url]
type = "string"
description = "Whose ledger, and which line."
maxLength = 300
"""


def write_toolbox(folder: Path) -> Path:
    """The toolbox ledger, with one tool of each effect; all of them ask a person first.

    :return: its folder
    """
    text = toolbox_text(_RUN, HOST).replace(_DATA, f'(data (i32.const {_METHODS}) "POSTGET")')
    component = bytes(wat2wasm(text))
    folder.mkdir(parents=True)
    (folder / "component.wasm").write_bytes(component)
    head = _HEAD.format(sha256=hashlib.sha256(component).hexdigest())
    asks = _TOOL.format(name=CHECK, risk="low", effect="pure", check="", methods='"GET"')
    (folder / "toolbox.toml").write_text(head + asks + "".join(map(_writes, Effect)), "utf-8")
    return folder


def _writes(effect: Effect) -> str:
    check = f'check = "{CHECK}"' if effect is Effect.CHECKABLE else ""
    methods = '"GET", "POST"' if check else '"POST"'  # A check may touch no more than the tool itself.
    name = f"ledger.{effect.value}"
    return _TOOL.format(name=name, risk="high", effect=effect.value, check=check, methods=methods)


@dataclass(slots=True)
class Ledger:
    """The receiver: an HTTP service that writes down what reaches it.

    :ivar lines: Idempotency-Key of each request, by the line that it names, in the order of arrival
    :ivar ports: from which they came; ``answers`` while it is set: until then they wait
    """

    url: str = ""
    lines: dict[str, list[str]] = field(default_factory=dict)
    ports: list[int] = field(default_factory=list)
    answers: asyncio.Event = field(default_factory=asyncio.Event)

    async def get(self, request: web.Request) -> web.Response:
        """As a check answers."""
        line = request.match_info["line"]
        there = {"happened": True, "output": {"url": f"{self.url}/{line}"}}
        return web.json_response(there if line in self.lines else {"happened": False})

    async def post(self, request: web.Request) -> web.Response:
        key = request.headers.get("Idempotency-Key", "")
        self.lines.setdefault(request.match_info["line"], []).append(key)
        assert request.transport is not None
        self.ports.append(request.transport.get_extra_info("peername")[1])
        await self.answers.wait()
        return web.json_response({"written": True})


@contextlib.asynccontextmanager
async def ledger() -> AsyncIterator[Ledger]:
    """A ledger on loopback, in the test's own process: it outlives every bot."""
    found = Ledger()
    found.answers.set()
    site = web.Application()
    site.router.add_post("/{line}", found.post)
    site.router.add_get("/{line}", found.get)
    runner = web.AppRunner(site, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        found.url = f"http://localhost:{runner.addresses[0][1]}"
        yield found
    finally:
        await runner.cleanup()
