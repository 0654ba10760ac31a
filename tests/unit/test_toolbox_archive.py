"""Archives of toolboxes: whatever the bytes, three plain files or a sentence."""

from __future__ import annotations

import os
import random
import tarfile
from pathlib import Path

import pytest
from tests.cases._supply_world import World, packed

from ironclaw.errors import ToolboxError
from ironclaw_bot.authoring.archive import take_out

FILES = {"component.wasm", "toolbox.sig", "toolbox.toml"}


def outcome(archive: Path, target: Path) -> str | set[str]:
    """The files that came out of an archive, or why none did."""
    target.mkdir()
    try:
        take_out(archive, target)
    except ToolboxError as error:
        return str(error)
    return {each.name for each in target.iterdir()}


def test_any_bytes(tmp_path: Path) -> None:
    """
    An archive with bytes changed anywhere gives plain files of those names, or a ToolboxError.
    """
    chance = random.Random(3)
    archive = packed(World(tmp_path).box())
    whole = archive.read_bytes()
    odd = []
    for number in range(150):
        content = bytearray(whole)
        for _ in range(chance.randint(1, 8)):
            content[chance.randrange(4 * 1024)] = chance.randrange(256)
        archive.write_bytes(content[: chance.randint(0, 2 * len(content))])
        came = outcome(archive, tmp_path / f"out{number}")
        odd += [] if isinstance(came, str) or came - FILES == set() else [came]

    assert [] == odd
    assert FILES | {archive.name} >= {each.name for each in tmp_path.rglob("*") if each.is_file()}


def test_chained_headers(tmp_path: Path) -> None:
    """
    Ten thousand long names for one file end in a sentence, not in Python's recursion limit.
    """
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 1
    block = info.tobuf(tarfile.GNU_FORMAT) + b"x".ljust(512, b"\0")
    archive = tmp_path / "deep.tar"
    archive.write_bytes(block * 10_000)

    assert "it is damaged" in outcome(archive, tmp_path / "out")


@pytest.mark.parametrize("kind", ["pipe", "missing", "compressed"])
def test_no_archive(tmp_path: Path, kind: str) -> None:
    """
    What is no plain tar archive is refused, without waiting for it and without unpacking it.
    """
    archive = tmp_path / "toolbox.tar"
    if kind == "pipe":
        os.mkfifo(archive)
    elif kind == "compressed":
        with tarfile.open(archive, "w:gz") as packed_tar:
            packed_tar.add(World(tmp_path).box(), ".")
    said = outcome(archive, tmp_path / "out")

    assert isinstance(said, str)
    assert str(archive) in said
