"""Small hostile components: what no toolchain makes, straight at the engine and the boundary of the host."""

from __future__ import annotations

from wasmtime import wat2wasm

from tests.fakes.sandbox import ANY_HTTP, ECHO, HOST, LOOP, toolbox_text
from tests.probes.attack import Attack, Run
from tests.probes.world import Stopped, World

MEMORY = '(import "base" "memory" (memory 1))'
FAR, HUGE = "(i32.const 0xfffffff0)", "(i32.const 0x7fffffff)"
NOT_UTF8 = '(data (i32.const 0) "GET\\ff\\fe\\c0\\80://example.com/")'
DATA = '(data (i32.const 0) "GEThttps://example.com/")'
BUMP = "(global.get $top)\n   (global.set $top"  # How realloc of the small components begins.


def _asking(**changed: str) -> str:
    """A tool that sends one GET to https://example.com/, with some of its flat arguments changed."""
    flat = {"method": "(i32.const 0) (i32.const 3)", "url": "(i32.const 3)", "url_size": "(i32.const 20)",
            "headers": "(i32.const 0)", "headers_size": "(i32.const 0)", "body": "(i32.const 0)",
            "body_size": "(i32.const 0)", "secret": "(i32.const 0) (i32.const 0) (i32.const 0)",
            "answer": "(i32.const 64)"}  # fmt: skip
    return toolbox_text(f"(call $http {' '.join({**flat, **changed}.values())}) {ECHO}", HOST)


def _answering(tag: str = "0", at: str = "(local.get $input)", size: str = "(local.get $size)") -> str:
    """A tool whose result is laid out as told."""
    return toolbox_text(
        f"(i32.store8 (i32.const 32) (i32.const {tag})) (i32.store (i32.const 36) {at}) "
        f"(i32.store (i32.const 40) {size}) (i32.const 32)"
    )


def _with(more: str, run: str = ECHO) -> str:
    """A tool with more in its module."""
    return toolbox_text(run).replace(MEMORY, f"{MEMORY} {more}")


def _beside(more: str) -> str:
    """A tool with more modules and instances beside its own."""
    return toolbox_text().replace(" (core module $memory", f" {more}\n (core module $memory", 1)


def _realloc(body: str) -> str:
    """A tool that asks the host, and does something else where the host wants memory for its answer."""
    text = _asking()
    assert BUMP in text
    # The host also allocates for the input, before the tool runs; only the later allocations are hostile.
    hostile = f"(if (i32.gt_u (global.get $top) (i32.const 1030)) (then {body}))"
    return text.replace(BUMP, f"{hostile} {BUMP}")


MANY = "(core module $mm (memory 200))" + "(core instance (instantiate $mm))" * 10
CROWD = "(core module $mm (func))" + "(core instance (instantiate $mm))" * 200
TABLES = "(core module $mm (table 1 funcref))" + "(core instance (instantiate $mm))" * 20
GROW = "(loop $l (br_if $l (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) (unreachable)"
MORE = "(table.grow $t (ref.null func) (i32.const 1000))"
GROW_TABLE = f"(loop $l (br_if $l (i32.ne {MORE} (i32.const -1)))) (unreachable)"

MEMORY_LIMIT, TABLE_LIMIT, ABI = "memory limit", "table limit", "engine's boundary checks"
TRAPPED, CRASHED, FUEL = frozenset({"trapped"}), frozenset({"crashed"}), frozenset({"out_of_fuel"})
BY_GROWTH = frozenset({"out_of_memory", "trapped"})

#: phrase, name, layer, kinds, text.
_TABLE: tuple[tuple[str, str, str, frozenset[str], str], ...] = (
    ("memory by growth", "memory.grow", MEMORY_LIMIT, BY_GROWTH, toolbox_text(GROW)),
    ("many memories", "ten of 12 MB", "memories limit", CRASHED, _beside(MANY)),
    ("many memories", "one module with four", "memories limit", CRASHED,
     _beside(f"(core module $mm {'(memory 1)' * 4}) (core instance (instantiate $mm))")),
    ("many instances", "two hundred", "instances limit", CRASHED, _beside(CROWD)),
    ("tables", "one of a million", TABLE_LIMIT, CRASHED,
     _beside("(core module $mm (table 1000000 funcref)) (core instance (instantiate $mm))")),
    ("tables", "twenty", "tables limit", CRASHED, _beside(TABLES)),
    ("tables", "table.grow", TABLE_LIMIT, TRAPPED, _with("(table $t 1 funcref)", GROW_TABLE)),
    ("deep recursion", "in wasm", "engine's stack", TRAPPED,
     _with("(func $self (call $self))", "(call $self) (unreachable)")),
    ("infinite loop", "in wasm", "fuel", FUEL, toolbox_text("(loop (br 0)) (unreachable)")),
    ("infinite loop", "in start", "fuel", CRASHED, toolbox_text(start="(loop (br 0))")),
    ("trap", "in start", "engine", CRASHED, toolbox_text(start="(unreachable)")),
    ("trap inside a host call", "realloc traps", "engine", TRAPPED, _realloc("(unreachable)")),
    ("trap inside a host call", "realloc loops", "fuel", FUEL, _realloc("(loop (br 0))")),
    ("trap inside a host call", "realloc leads outside", ABI, TRAPPED,
     _realloc("(return (i32.const -8))")),
    ("hostile pointers", "address of a URL", ABI, TRAPPED, _asking(url=FAR)),
    ("hostile sizes", "2 GiB of URL", ABI, TRAPPED, _asking(url_size=HUGE)),
    ("hostile sizes", "2 G headers", ABI, TRAPPED, _asking(headers_size=HUGE)),
    ("hostile sizes", "2 GiB of body", ABI, TRAPPED, _asking(body_size=HUGE)),
    ("hostile encodings", "URL is no UTF-8", ABI, TRAPPED, _asking().replace(DATA, NOT_UTF8)),
    ("hostile encodings", "seventh case of an option", ABI, TRAPPED,
     _asking(secret="(i32.const 7) (i32.const 0) (i32.const 0)")),
    ("hostile pointers", "address for the answer", ABI, TRAPPED, _asking(answer=FAR)),
    ("hostile pointers", "misaligned answer", ABI, TRAPPED, _asking(answer="(i32.const 65)")),
    ("hostile results", "address outside", ABI, TRAPPED, toolbox_text("(i32.const -4)")),
    ("hostile results", "ninth case of a result", ABI, TRAPPED, _answering(tag="9")),
    ("hostile results", "text outside", ABI, TRAPPED, _answering(at=FAR)),
    ("hostile results", "4 GiB of text", ABI, TRAPPED, _answering(size="(i32.const -1)")),
    ("hostile results", "text is no UTF-8", ABI, TRAPPED,
     _answering(at="(i32.const 3)").replace(DATA, NOT_UTF8)),
    ("hostile results", "no JSON", "JSON check", frozenset({"internal"}), _answering(size="(i32.const 1)")),
)  # fmt: skip


def _attack(phrase: str, name: str, layer: str, kinds: frozenset[str], text: str) -> Attack:
    return Attack(phrase, name, layer, kinds, _running(text))


def _running(text: str, fuel: int = 200_000_000, seconds: float = 5) -> Run:
    async def run(world: World) -> Stopped:
        return await world.call(bytes(wat2wasm(text)), http=ANY_HTTP, fuel=fuel, seconds=seconds)

    return run


ATTACKS = (
    *(_attack(*row) for row in _TABLE),
    Attack(
        "infinite loop",
        "with endless fuel",
        "kill at the wall clock",
        frozenset({"timeout"}),
        _running(toolbox_text(LOOP), fuel=10**15, seconds=0.5),
    ),
)
