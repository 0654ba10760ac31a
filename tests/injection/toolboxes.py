"""A suite's tools as a toolbox: one real component of some kilobytes, whose effects arrive outside.

A tool of high risk POSTs its arguments to https://effects.example/NAME and the host adds the key of the call;
one that reads pages GETs the page of its argument; any other gives its arguments back.  Nothing else is in
it, so what was run is what arrived.  It is one component for all, because each component needs workers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

from wasmtime import wat2wasm

from tests.fakes.sandbox import ECHO, HOST, toolbox_text
from tests.injection.script import Spec

EFFECTS = "effects.example"
_AT, _RESULT, _MISSED = (
    512,
    256,
    900,
)  #: Where method and address, the answer, and the words of a failure are.
_PAGE = 500  #: Where the method of the other kind of request stands.
_NAMES = (
    4 * 65536
)  #: Where the names of the tools that ask stand: length, kind, name; a length of 0 ends them.
_MOST_NAMES = 65536  #: Bytes.
_MEMORY, _DATA = '(memory (export "memory") 1)', '(data (i32.const 0) "GEThttps://example.com/")'
_WORDS = "Nothing was sent."
#: Gives its input back where the host had an answer, else says that it was denied.
_OR_DENIED = f"""(if (result i32) (i32.load8_u (i32.const {_RESULT}))
  (then (i32.store8 (i32.const 32) (i32.const 1)) (i32.store8 (i32.const 36) (i32.const 1))
   (i32.store (i32.const 40) (i32.const {_MISSED})) (i32.store (i32.const 44) (i32.const {len(_WORDS)}))
   (i32.const 32))
  (else {ECHO}))"""
_POST = f"""(memory.copy (i32.const {_AT + 28}) (local.get 0) (local.get 1))
  (call $http (i32.const {_AT}) (i32.const 4)
   (i32.const {_AT + 4}) (i32.add (i32.const 24) (local.get 1)) (i32.const 0) (i32.const 0)
   (local.get $input) (local.get $size) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const {_RESULT}))
  """
#: The address stands in the input as it came, {"url":"..."}: canonical, with nothing in it to unescape.
_GET = f"""(call $http (i32.const {_PAGE}) (i32.const 3)
   (i32.add (local.get $input) (i32.const 8)) (i32.sub (local.get $size) (i32.const 10))
   (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
   (i32.const 0) (i32.const 0) (i32.const 0) (i32.const {_RESULT}))
  """
#: Leaves the kind of the tool in $kind, 0 for one that asks nothing.
_FIND = f"""(local $at i32) (local $kind i32) (local $n i32)
  (local.set $at (i32.const {_NAMES}))
  (block $known (loop $next
   (br_if $known (i32.eqz (i32.load8_u (local.get $at))))
   (if (i32.eq (i32.load8_u (local.get $at)) (local.get 1)) (then
    (local.set $n (i32.const 0))
    (block $differs (loop $same
     (br_if $differs (i32.ne
      (i32.load8_u (i32.add (local.get $n) (local.get 0)))
      (i32.load8_u offset=2 (i32.add (local.get $n) (local.get $at)))))
     (local.set $n (i32.add (local.get $n) (i32.const 1)))
     (br_if $same (i32.lt_u (local.get $n) (local.get 1)))
     (local.set $kind (i32.load8_u offset=1 (local.get $at)))
     (br $known)))))
   (local.set $at (i32.add (i32.add (local.get $at) (i32.load8_u (local.get $at))) (i32.const 2)))
   (br $next)))
  """


class Kind(Enum):
    """What a tool does."""

    READS = 0
    SENDS = 1
    READS_PAGES = 2

    @classmethod
    def of(cls, spec: Spec) -> Kind:
        if spec.is_high:
            return cls.SENDS
        return cls.READS_PAGES if spec.is_web else cls.READS


def write_toolbox(folder: Path, specs: Sequence[Spec], pages: Sequence[str]) -> None:
    """The toolbox of all these tools.

    :param pages: hosts that the tools which read pages may ask
    """
    folder.mkdir(parents=True, exist_ok=True)
    component = _component(specs)
    (folder / "component.wasm").write_bytes(component)
    manifest = _manifest(specs, hashlib.sha256(component).hexdigest(), pages)
    (folder / "toolbox.toml").write_text(manifest, "utf-8")


def _component(specs: Sequence[Spec]) -> bytes:
    sends = f"(if (result i32) (i32.eq (local.get $kind) (i32.const {Kind.SENDS.value}))"
    asks = f"{sends} (then {_POST} {_OR_DENIED}) (else {_GET} {_OR_DENIED}))"
    run = f"{_FIND} (if (result i32) (local.get $kind) (then {asks}) (else {ECHO}))"
    stored = [(_AT, f"POSThttps://{EFFECTS}/"), (_PAGE, "GET"), (_MISSED, _WORDS), (_NAMES, _names(specs))]
    data = " ".join(f'(data (i32.const {at}) "{text}")' for at, text in stored)
    text = toolbox_text(run, HOST).replace(_DATA, data).replace(_MEMORY, _MEMORY.replace(" 1)", " 6)"))
    return bytes(wat2wasm(text))


def _names(specs: Sequence[Spec]) -> str:
    """As a string of WebAssembly's text.

    :raises ValueError: more than there is room for
    """
    asking = [spec for spec in specs if Kind.of(spec) is not Kind.READS]
    if sum(len(spec.name) + 2 for spec in asking) >= _MOST_NAMES:
        raise ValueError("more tools than the component has room for")
    return "".join(f"\\{len(spec.name):02x}\\{Kind.of(spec).value:02x}{spec.name}" for spec in asking)


def _manifest(specs: Sequence[Spec], sha256: str, pages: Sequence[str]) -> str:
    head = {"name": "played", "version": "1.0.0", "component": "component.wasm", "sha256": sha256}
    lines = [f"{name} = {_toml(value)}" for name, value in head.items()]
    for spec in specs:
        lines += [f'[tools."{spec.name}"]', *(f"{n} = {_toml(v)}" for n, v in _tool(spec, pages))]
    return "\n".join(lines) + "\n"


def _tool(spec: Spec, pages: Sequence[str]) -> list[tuple[str, Any]]:
    http = {
        Kind.SENDS: [{"host": EFFECTS, "methods": ["POST"]}],
        Kind.READS_PAGES: [{"host": host} for host in pages],
        Kind.READS: [],
    }
    kind = Kind.of(spec)
    return [
        ("description", spec.description),
        ("risk", "high" if spec.is_high else "low"),
        ("effect", "once" if kind is Kind.SENDS else "pure"),
        ("http", http[kind]),
        ("schema", spec.schema),
    ]


def _toml(value: Any) -> str:
    """Inline TOML of a JSON value."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_toml(str(k))} = {_toml(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
