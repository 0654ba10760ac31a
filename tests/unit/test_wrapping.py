"""Core modules become components, and components say what they import."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fakes.sandbox import asking_toolbox, toolbox
from wasmtime import wat2wasm

from ironclaw.errors import ToolboxError
from ironclaw_bot.guests.sections import component_imports
from ironclaw_bot.guests.wrapping import wrapped

EXPORTS = """(memory (export "memory") 1)
 (func (export "run") (param i32 i32 i32 i32) (result i32) (i32.const 0))
 (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0))"""


def saved(folder: Path, content: bytes) -> Path:
    path = folder / "component.wasm"
    path.write_bytes(content)
    return path


def test_imports(tmp_path: Path) -> None:
    """
    What a component imports is read from its bytes; types alone are no import.
    """
    assert [] == component_imports(saved(tmp_path, toolbox()))
    assert ["ironclaw:tool/host@1.0.0"] == component_imports(saved(tmp_path, asking_toolbox()))


@pytest.mark.parametrize("cut", [0, 4, 8, 20, 100])
def test_no_component(tmp_path: Path, cut: int) -> None:
    """
    What is no component, or half of one, is an error in a sentence.
    """
    content = asking_toolbox()[:cut] if cut != 8 else b"\0asm\1\0\0\0"

    with pytest.raises(ToolboxError, match=r"not a WebAssembly component|ends too early"):
        component_imports(saved(tmp_path, content))


def test_wrapped(tmp_path: Path) -> None:
    """
    A module with the three exports becomes a component that imports the host and nothing else.
    """
    wasi = '(import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))'
    component = wrapped(bytes(wat2wasm(f"(module {wasi} {EXPORTS})")), "x")

    assert ["ironclaw:tool/host@1.0.0"] == component_imports(saved(tmp_path, component))


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("(module)", "does not define cabi_realloc, memory, run"),
        (f'(module (import "env" "system" (func)) {EXPORTS})', "nobody offers env system"),
        (f'(module (import "ironclaw:tool/host@1.0.0" "exec" (func)) {EXPORTS})', "nobody offers"),
    ],
)
def test_not_wrapped(module: str, words: str) -> None:
    """
    A module that lacks an export, or wants what nobody has, is refused before anything is installed.
    """
    with pytest.raises(ToolboxError, match=words):
        wrapped(bytes(wat2wasm(module)), "x")
