"""For tests of the sandbox: a host that remembers, small components as text, and our child processes."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wasmtime import wat2wasm

from ironclaw.capabilities import Capabilities, HttpRequest, HttpResponse, HttpRule, Limits, Scratch
from ironclaw.sandbox import Call, Component, Profile

KEY = b"a key that only tests use"
ANY_HTTP = (HttpRule("example.com"),)
OK = HttpResponse(200, (("content-type", "text/plain"),), b"hello")

TEN_SECONDS = Limits(seconds=10)

Answer = Callable[[HttpRequest], Awaitable[HttpResponse]]


async def say_hello(_request: HttpRequest) -> HttpResponse:
    return OK


@dataclass
class Recorder:
    """A host that keeps what it was asked."""

    answer: Answer = say_hello
    requests: list[HttpRequest] = field(default_factory=list)
    lines: list[tuple[str, str]] = field(default_factory=list)

    async def http(self, request: HttpRequest) -> HttpResponse:
        self.requests.append(request)
        return await self.answer(request)

    def log(self, level: str, message: str) -> None:
        self.lines.append((level, message))


@dataclass(frozen=True)
class Caller:
    """Makes calls of one component, with folders below one root."""

    component: Component
    root: Path

    def call(
        self,
        tool: str = "any",
        arguments: Mapping[str, Any] | None = None,
        *,
        tenant: str = "acme",
        scratch: Scratch = Scratch.NONE,
        http: tuple[HttpRule, ...] = (),
        limits: Limits = TEN_SECONDS,
    ) -> Call:
        capabilities = Capabilities(scratch=scratch, http=http, limits=limits)
        text = json.dumps(arguments or {})
        return Call(self.component, tool, text, tenant, self.root / tenant, capabilities)


def saved(folder: Path, wasm: bytes, profile: Profile = Profile.PURE) -> Component:
    """The component as a file that is pinned by its digest."""
    path = folder / f"{hashlib.sha256(wasm).hexdigest()[:12]}.wasm"
    path.write_bytes(wasm)
    return Component(path, hashlib.sha256(wasm).hexdigest(), profile)


ECHO = """(i32.store8 (i32.const 32) (i32.const 0))
  (i32.store (i32.const 36) (local.get $input)) (i32.store (i32.const 40) (local.get $size)) (i32.const 32)"""
LOOP = "(loop (br 0)) (unreachable)"
TRAP = "(unreachable)"
GARBAGE = ECHO.replace("(local.get $size)", "(i32.const 1)")  # "{" alone is not JSON.


ASK = """(call $http (i32.const 0) (i32.const 3) (i32.const 3) (i32.const 20) (i32.const 0) (i32.const 0)
   (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 64))
  """  # http(GET, https://example.com/, no headers, no body, no secret), its result at 64.

HOST = """(import "ironclaw:tool/host@1.0.0" (instance $host
  (type $h (record (field "name" string) (field "value" string))) (export "header" (type $header (eq $h)))
  (type $q (record (field "method" string) (field "url" string) (field "headers" (list $header))
   (field "body" (list u8)) (field "secret" (option string)))) (export "request" (type $request (eq $q)))
  (type $r (record (field "status" u16) (field "headers" (list $header)) (field "body" (list u8))))
  (export "response" (type $response (eq $r)))
  (type $f (variant (case "denied" string) (case "unavailable" string)))
  (export "refusal" (type $refusal (eq $f)))
  (export "http" (func (param "request" $request) (result (result $response (error $refusal)))))))"""

LOWERED = """(core func $http (canon lower (func $host "http")
  (memory (core memory $base "memory")) (realloc (core func $base "realloc"))))"""

IMPORTED = f"""(import "host" "http" (func $http (param {"i32 " * 12})))"""


def toolbox(run: str = ECHO, imports: str = "", start: str = "") -> bytes:
    """A component of some hundred bytes.

    :param run: body of run: WAT that leaves the address of the result
    :param imports: component-level imports
    :param start: body of a start function
    """
    return bytes(wat2wasm(toolbox_text(run, imports, start)))


def asking_toolbox() -> bytes:
    """Its tool sends one GET to https://example.com/ and answers with its own input."""
    return bytes(wat2wasm(toolbox_text(ASK + ECHO, HOST)))


def toolbox_text(run: str = ECHO, imports: str = "", start: str = "") -> str:
    begin = f"(func $begin {start}) (start $begin)" if start else ""
    asks = imports == HOST
    return f"""(component {imports}
 (type $v (variant (case "invalid-input" string) (case "denied" string)
  (case "unavailable" string) (case "internal" string)))
 (import "failure" (type $failure (eq $v)))
 (core module $memory
  (memory (export "memory") 1)
  (data (i32.const 0) "GEThttps://example.com/")
  (global $top (mut i32) (i32.const 1024))
  (func (export "realloc") (param i32 i32 i32 i32) (result i32)
   (global.get $top)
   (global.set $top
    (i32.and (i32.add (i32.add (global.get $top) (local.get 3)) (i32.const 7)) (i32.const -8)))))
 (core instance $base (instantiate $memory))
 {LOWERED if asks else ""}
 (core module $m
  (import "base" "memory" (memory 1))
  {IMPORTED if asks else ""}
  {begin}
  (func (export "run") (param i32 i32) (param $input i32) (param $size i32) (result i32) {run}))
 (core instance $i (instantiate $m (with "base" (instance $base))
  {'(with "host" (instance (export "http" (func $http))))' if asks else ""}))
 (func (export "run") (param "tool" string) (param "input" string) (result (result string (error $failure)))
  (canon lift (core func $i "run")
   (memory (core memory $base "memory")) (realloc (core func $base "realloc")))))"""


def nested(depth: int) -> str:
    """Each level instantiates the one inside it twice."""
    text = "(component $c (core module $m (func)) (core instance (instantiate $m)))"
    for _ in range(depth):
        text = f"(component $c {text} (instance (instantiate $c)) (instance (instantiate $c)))"
    return text


def children(pid: int | None = None) -> set[int]:
    """The process ids of a process's children."""
    tasks = Path(f"/proc/{pid or os.getpid()}/task")
    return {int(child) for task in tasks.iterdir() for child in _children_of(task)}


def _children_of(task: Path) -> list[str]:
    try:
        return (task / "children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return []  # The thread has ended since it was listed.


def resident(pid: int) -> int:
    """Bytes of memory that a process has in use."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
