"""Makes a component of a core module that speaks the plain ABI, as ``sdk/c/ironclaw.h`` writes it down.

The host's functions need the module's memory, and the module needs the host's functions: so a shim stands in
for them by a table, which is filled once both are there.  What the module wants of WASI traps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from wasmtime import Engine, FuncType, ImportType, Module, ValType, WasmtimeError, wat2wasm

from ironclaw.errors import ToolboxError
from ironclaw_bot.guests.sections import sections

HOST = "ironclaw:tool/host@1.0.0"
CORE_MODULE = 1  #: The kind of a component's section that holds a core module.

#: The WIT's interface host, and the world's failure.
TYPES = """
 (import "ironclaw:tool/host@1.0.0" (instance $host
  (type $l (enum "debug" "info" "warn" "error")) (export "level" (type $level (eq $l)))
  (type $h (record (field "name" string) (field "value" string))) (export "header" (type $header (eq $h)))
  (type $q (record (field "method" string) (field "url" string) (field "headers" (list $header))
   (field "body" (list u8)) (field "secret" (option string)))) (export "request" (type $request (eq $q)))
  (type $r (record (field "status" u16) (field "headers" (list $header)) (field "body" (list u8))))
  (export "response" (type $response (eq $r)))
  (type $f (variant (case "denied" string) (case "unavailable" string)))
  (export "refusal" (type $refusal (eq $f)))
  (export "log" (func (param "level" $level) (param "message" string)))
  (export "http" (func (param "request" $request) (result (result $response (error $refusal)))))
  (export "now" (func (result u64)))
  (export "random" (func (param "count" u32) (result (list u8))))))
 (type $v (variant (case "invalid-input" string) (case "denied" string)
  (case "unavailable" string) (case "internal" string)))
 (import "failure" (type $failure (eq $v)))"""

#: Each host function as the module calls it.
FUNCTIONS = {
    "log": "(param i32 i32 i32)",
    "http": f"(param {'i32 ' * 12})",
    "now": "(result i64)",
    "random": "(param i32 i32)",
}


def wrapped(core: bytes, name: str) -> bytes:
    """The component around a core module.

    :param name: of the toolbox, for messages
    :raises ToolboxError: the module does not export or import what it must
    """
    try:
        module = Module(Engine(), core)
    except WasmtimeError as error:
        raise ToolboxError(f"{name}: the compiler's output is no module: {error}") from None
    exports = {each.name for each in module.exports}
    if missing := sorted({"run", "cabi_realloc", "memory"} - exports):
        raise ToolboxError(f"{name}: the source does not define {', '.join(missing)}; see docs/tools.md")
    text = _component(_wasi(module.imports, name), "_initialize" in exports)
    return _with_module(bytes(wat2wasm(text)), core)


def _wasi(imports: Iterable[ImportType], name: str) -> list[tuple[str, FuncType]]:
    """What the module imports beside our host.

    :raises ToolboxError: it is neither the host's nor WASI's
    """
    found = []
    for each in imports:
        if each.module == "wasi_snapshot_preview1" and isinstance(each.type, FuncType):
            found.append((each.name or "", each.type))
        elif each.module != HOST or each.name not in FUNCTIONS:
            raise ToolboxError(f"{name}: nobody offers {each.module} {each.name}; see docs/tools.md")
    return found


def _component(wasi: list[tuple[str, FuncType]], has_start: bool) -> str:
    """The component as text, with an empty module in the real one's place, which comes first."""
    return f"""(component
 (core module $main)
 (core module $shim (table (export "table") 4 4 funcref)
  {"".join(_shims())})
 (core module $wasi {"".join(_traps(wasi))})
 (core module $fill (import "shim" "table" (table 4 funcref))
  {"".join(f'(import "host" "{name}" (func ${name} {kind}))' for name, kind in FUNCTIONS.items())}
  {'(import "main" "_initialize" (func $start)) (start $start)' if has_start else ""}
  (elem (i32.const 0) {" ".join(f"${name}" for name in FUNCTIONS)}))
 {TYPES}
 (core instance $shims (instantiate $shim))
 (core instance $none (instantiate $wasi))
 (core instance $i (instantiate $main (with "{HOST}" (instance $shims))
  (with "wasi_snapshot_preview1" (instance $none))))
 (alias core export $i "memory" (core memory $memory))
 (alias core export $i "cabi_realloc" (core func $realloc))
 {"".join(_lowered())}
 (core instance (instantiate $fill (with "shim" (instance $shims)) (with "main" (instance $i))
  (with "host" (instance {"".join(f'(export "{name}" (func ${name}))' for name in FUNCTIONS)}))))
 (func (export "run") (param "tool" string) (param "input" string) (result (result string (error $failure)))
  (canon lift (core func $i "run") (memory $memory) (realloc $realloc))))"""


def _shims() -> Iterator[str]:
    for at, (name, kind) in enumerate(FUNCTIONS.items()):
        arguments = " ".join(f"(local.get {each})" for each in range(kind.count("i32")))
        yield f'(func (export "{name}") {kind} (call_indirect {kind} {arguments} (i32.const {at})))\n  '


def _traps(wasi: list[tuple[str, FuncType]]) -> Iterator[str]:
    for name, kind in wasi:
        types = f"{_list('param', kind.params)} {_list('result', kind.results)}"
        yield f'(func (export "{name}") {types} unreachable)'


def _list(word: str, types: list[ValType]) -> str:
    return f"({word} {' '.join(map(str, types))})" if types else ""


def _lowered() -> Iterator[str]:
    for name in FUNCTIONS:
        yield f"""(core func ${name} (canon lower (func $host "{name}") (memory $memory) (realloc $realloc)))
 """


def _with_module(component: bytes, core: bytes) -> bytes:
    """The component with this module in the place of its first one."""
    begin, end = next((begin, end) for kind, begin, _, end in sections(component) if kind == CORE_MODULE)
    return component[: begin + 1] + _leb(len(core)) + core + component[end:]


def _leb(value: int) -> bytes:
    """An unsigned LEB128."""
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])
