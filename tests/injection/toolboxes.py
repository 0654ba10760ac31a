"""A suite's tools as toolboxes: real components of some hundred bytes whose effects arrive outside.

A tool of high risk POSTs its arguments to https://effects.example/NAME and the host adds the key of the call;
one that reads pages GETs the page of its argument; any other gives its arguments back.  Nothing else is in
them, so what was run is what arrived.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
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
_DATA = '(data (i32.const 0) "GEThttps://example.com/")'
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
_GET = f"""(call $http (i32.const {_AT}) (i32.const 3)
   (i32.add (local.get $input) (i32.const 8)) (i32.sub (local.get $size) (i32.const 10))
   (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
   (i32.const 0) (i32.const 0) (i32.const 0) (i32.const {_RESULT}))
  """


class Kind(Enum):
    """What a tool does; one toolbox each."""

    SENDS = "sends"
    READS_PAGES = "pages"
    READS = "reads"

    @classmethod
    def of(cls, spec: Spec) -> Kind:
        if spec.is_high:
            return cls.SENDS
        return cls.READS_PAGES if spec.is_web else cls.READS


_EFFECT = {Kind.SENDS: "once", Kind.READS_PAGES: "pure", Kind.READS: "pure"}


def write_toolboxes(folder: Path, specs: Iterable[Spec], pages: Sequence[str]) -> None:
    """A toolbox for each kind of the tools.

    :param pages: hosts that the tools which read pages may ask
    """
    kinds: dict[Kind, list[Spec]] = {}
    for spec in specs:
        kinds.setdefault(Kind.of(spec), []).append(spec)
    for kind, tools in kinds.items():
        box = folder / kind.value
        box.mkdir(parents=True, exist_ok=True)
        component = _component(kind)
        (box / "component.wasm").write_bytes(component)
        manifest = _manifest(kind, tools, hashlib.sha256(component).hexdigest(), pages)
        (box / "toolbox.toml").write_text(manifest, "utf-8")


def _component(kind: Kind) -> bytes:
    if kind is Kind.READS:
        return bytes(wat2wasm(toolbox_text(ECHO)))
    run, data = (_POST, f"POSThttps://{EFFECTS}/") if kind is Kind.SENDS else (_GET, "GET")
    stored = f'(data (i32.const {_AT}) "{data}") (data (i32.const {_MISSED}) "{_WORDS}")'
    return bytes(wat2wasm(toolbox_text(run + _OR_DENIED, HOST).replace(_DATA, stored)))


def _manifest(kind: Kind, specs: Sequence[Spec], sha256: str, pages: Sequence[str]) -> str:
    head = {"name": kind.value, "version": "1.0.0", "component": "component.wasm", "sha256": sha256}
    lines = [f"{name} = {_toml(value)}" for name, value in head.items()]
    for spec in specs:
        lines += [f'[tools."{spec.name}"]', *(f"{n} = {_toml(v)}" for n, v in _tool(kind, spec, pages))]
    return "\n".join(lines) + "\n"


def _tool(kind: Kind, spec: Spec, pages: Sequence[str]) -> list[tuple[str, Any]]:
    http = {
        Kind.SENDS: [{"host": EFFECTS, "methods": ["POST"]}],
        Kind.READS_PAGES: [{"host": host} for host in pages],
        Kind.READS: [],
    }
    return [
        ("description", spec.description),
        ("risk", "high" if spec.is_high else "low"),
        ("effect", _EFFECT[kind]),
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
