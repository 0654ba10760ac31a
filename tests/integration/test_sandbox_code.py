"""What may become code: pinned, binary, within its profile, and compiled by us."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from tests.fakes.sandbox import ECHO, GARBAGE, KEY, Caller, Recorder, nested, saved, toolbox, toolbox_text
from wasmtime import wat2wasm

from ironclaw.errors import SandboxError, ToolboxError
from ironclaw.sandbox import Component, Profile, Sandbox, preparing
from ironclaw.sandbox.codecache import CodeCache, sealed_memory

WASI_HTTP = '(import "wasi:http/outgoing-handler@0.2.0" (instance))'
WASI_FILES = '(import "wasi:filesystem/preopens@0.2.0" (instance))'
STRANGE = '(import "evil:corp/backdoor@1.0.0" (instance))'
STRANGE_FUNCTION = '(import "ironclaw:tool/host@1.0.0" (instance (export "exec" (func))))'
OLD_HOST = '(import "ironclaw:tool/host@0.1.0" (instance))'


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Sandbox]:
    """Only prepares, and only what it refuses: nothing of one test is left for the next."""
    sandbox = await Sandbox.open(cache_dir=tmp_path_factory.mktemp("code"), cache_key=KEY)
    yield sandbox
    await sandbox.close()


async def refusal(sandbox: Sandbox, component: Component) -> str:
    with pytest.raises(ToolboxError) as caught:
        await sandbox.prepare(component)
    return str(caught.value)


async def prepare_anew(folder: Path, component: Component) -> list[str]:
    """What another start of the sandbox says while it prepares; one call must work after it."""
    said: list[str] = []
    sandbox = await Sandbox.open(cache_dir=folder / "code", cache_key=KEY)
    try:
        await sandbox.prepare(component, said.append)
        result = await sandbox.call(Caller(component, folder / "scratch").call(), Recorder())
    finally:
        await sandbox.close()
    assert "{}" == result.output
    return said


async def test_compiles_once(tmp_path: Path) -> None:
    """
    The second start takes the compiled code from the cache.
    """
    component = saved(tmp_path, toolbox())
    first = await prepare_anew(tmp_path, component)
    second = await prepare_anew(tmp_path, component)

    assert (2, 0) == (len(first), len(second))


async def test_says_that_it_compiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A compilation that takes long is told of again and again, with the seconds; and that it ended.
    """
    monkeypatch.setattr(preparing, "EVERY", 0.01)
    first, *between, last = await prepare_anew(tmp_path, saved(tmp_path, toolbox()))

    assert "once for each key_file and cache_dir" in first
    assert between
    assert [] == [line for line in between if not re.fullmatch(r"compiling \S+ \.\.\. \d+ s", line)]
    assert re.fullmatch(r"compiled \S+ in \d+ s", last)


async def test_compiler_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A compiler that says more than any code is long, and reads nothing, is ended, however much stays unread.
    """
    script = tmp_path / "compiler"
    script.write_text("#!/bin/sh\nexec cat /dev/zero\n")
    script.chmod(0o700)
    monkeypatch.setattr(preparing, "MOST", 1000)
    monkeypatch.setattr(preparing, "COMPILE_SECONDS", 1)
    monkeypatch.setattr(sys, "executable", str(script))

    with pytest.raises(ToolboxError, match="takes longer than 1 s to compile"):
        async with asyncio.timeout(20):
            await preparing._compile(b"x" * (1 << 20), saved(tmp_path, toolbox()))


@pytest.mark.parametrize("place", [0, 20, -1])
async def test_tampered_cache(tmp_path: Path, place: int) -> None:
    """
    Compiled code with one changed byte is not run: the component is compiled again.
    """
    component = saved(tmp_path, toolbox())
    await prepare_anew(tmp_path, component)
    (file,) = (tmp_path / "code").iterdir()
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)

    assert 2 == len(await prepare_anew(tmp_path, component))


async def test_swapped_cache(tmp_path: Path) -> None:
    """
    Genuine code of one component cannot stand in for another's.
    """
    cache = CodeCache(tmp_path / "code", KEY)
    one, two = saved(tmp_path, toolbox(ECHO)), saved(tmp_path, toolbox(GARBAGE))
    cache.save(one, b"code of one")
    (file,) = (tmp_path / "code").iterdir()
    file.rename(file.with_name(file.name.replace(one.sha256, two.sha256)))

    assert cache.load(two) is None


async def test_another_key(tmp_path: Path) -> None:
    """
    Code that somebody else signed is nobody's.
    """
    component = saved(tmp_path, toolbox())
    CodeCache(tmp_path / "code", b"another key of 16 bytes").save(component, b"code")

    assert CodeCache(tmp_path / "code", KEY).load(component) is None


async def test_linked_cache(tmp_path: Path) -> None:
    """
    A symbolic link in the cache is not followed, even to genuine code.
    """
    component = saved(tmp_path, toolbox())
    cache = CodeCache(tmp_path / "code", KEY)
    cache.save(component, b"code")
    (file,) = (tmp_path / "code").iterdir()
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")

    assert cache.load(component) is None


async def test_private_cache(tmp_path: Path) -> None:
    """
    Only the owner may look into the cache's folder, whatever it was before.
    """
    (tmp_path / "code").mkdir(mode=0o777)
    CodeCache(tmp_path / "code", KEY)

    assert 0o700 == (tmp_path / "code").stat().st_mode & 0o777


async def test_short_key(tmp_path: Path) -> None:
    """
    A key that could be guessed starts nothing.
    """
    with pytest.raises(SandboxError):
        await Sandbox.open(cache_dir=tmp_path / "code", cache_key=b"short")


async def test_seal() -> None:
    """
    What was verified cannot be changed before it is mapped.
    """
    fd = sealed_memory(b"code")
    with pytest.raises(PermissionError):
        os.pwrite(fd, b"evil", 0)
    content = os.pread(fd, 10, 0)
    os.close(fd)

    assert b"code" == content


async def test_wrong_digest(sandbox: Sandbox, tmp_path: Path) -> None:
    """
    A file that is not the pinned one is refused.
    """
    component = saved(tmp_path, toolbox())
    component.path.write_bytes(toolbox(GARBAGE))

    assert "not the file that its manifest pins" in await refusal(sandbox, component)


async def test_missing_file(sandbox: Sandbox, tmp_path: Path) -> None:
    """
    A component that is not there is refused by its name, not by its path.
    """
    gone = tmp_path / "box" / "component.wasm"

    assert "The component box/component.wasm cannot be read." == await refusal(
        sandbox, Component(gone, "0" * 64, Profile.PURE)
    )


@pytest.mark.parametrize(
    "wasm",
    [
        toolbox_text().encode(),
        toolbox()[:-20],
        toolbox()[:8] + os.urandom(200),
        b"\0asm\x01\0\0\0",
        b"",
        b"MZ" + bytes(100),
    ],
    ids=["text", "truncated", "random", "core module", "empty", "program"],
)
async def test_no_component(sandbox: Sandbox, tmp_path: Path, wasm: bytes) -> None:
    """
    What is no whole binary component is refused.
    """
    assert "cannot be a toolbox" in await refusal(sandbox, saved(tmp_path, wasm))


async def test_strange_host_function(sandbox: Sandbox, tmp_path: Path) -> None:
    """
    A host function that the WIT does not have is refused by name.
    """
    component = saved(tmp_path, toolbox(imports=STRANGE_FUNCTION))

    assert "host functions that do not exist: exec" in await refusal(sandbox, component)


@pytest.mark.parametrize("profile", list(Profile))
@pytest.mark.parametrize("imported", [WASI_HTTP, STRANGE, OLD_HOST])
async def test_undeclared_import(sandbox: Sandbox, tmp_path: Path, imported: str, profile: Profile) -> None:
    """
    An import outside the profile is refused by name; wasi:http is outside every profile.
    """
    name = imported.split('"')[1]

    assert name in await refusal(sandbox, saved(tmp_path, toolbox(imports=imported), profile))


async def test_files_need_their_profile(sandbox: Sandbox, tmp_path: Path) -> None:
    """
    The same WASI import is refused for pure and taken for scratch.
    """
    component = saved(tmp_path, toolbox(imports=WASI_FILES))
    await sandbox.prepare(replace(component, profile=Profile.SCRATCH))

    assert "wasi:filesystem/preopens@0.2.0" in await refusal(sandbox, component)


async def test_wrong_export(sandbox: Sandbox, tmp_path: Path) -> None:
    """
    A component without our run is refused before it is ever started.
    """
    wasm = toolbox_text().replace('(export "run") (param "tool" string)', '(export "run") (param "tool" u32)')
    wasm = wasm.replace("(param i32 i32) (param $input", "(param i32) (param $input")

    assert "it does not export run" in await refusal(sandbox, saved(tmp_path, binary(wasm)))


async def test_compile_bomb(sandbox: Sandbox, tmp_path: Path) -> None:
    """
    A kilobyte that doubles with each level ends with its compiler process, not with ours.
    """
    assert "within the compiler's limits" in await refusal(sandbox, saved(tmp_path, binary(nested(30))))


def binary(text: str) -> bytes:
    return bytes(wat2wasm(text))
