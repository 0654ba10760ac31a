"""What lies in the files that arguments name."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from ironclaw.errors import BadRequest
from ironclaw.sandbox.contents import Contents, digest_beneath


@pytest.mark.parametrize("path", ["a.txt", "/mnt/scratch/a.txt", "notes/b.txt"])
def test_a_file(tmp_path: Path, path: str) -> None:
    """
    A plain path, with or without the guest's own root, is the digest of what is in the file.
    """
    (tmp_path / "notes").mkdir()
    for name in ("a.txt", "notes/b.txt"):
        (tmp_path / name).write_text("hello")

    assert hashlib.sha256(b"hello").hexdigest() == digest_beneath(tmp_path, path)


@pytest.mark.parametrize(
    "path",
    ["", "/etc/passwd", "../other/a.txt", "notes/../a.txt", "./a.txt", "a.txt/", "a\0b", "missing", "notes"],
)
def test_no_file(tmp_path: Path, path: str) -> None:
    """
    What is no plain path to an ordinary file of the workspace is refused, and says at which argument.
    """
    (tmp_path / "notes").mkdir()
    (tmp_path / "a.txt").write_text("hello")
    with pytest.raises(BadRequest) as refused:
        digest_beneath(tmp_path, path, "/path")

    assert "/path" == refused.value.pointer


@pytest.mark.parametrize("planted", ["link", "folder/a.txt", "pipe"])
def test_nothing_is_followed(tmp_path: Path, planted: str) -> None:
    """
    A link that a guest left in its folder leads nowhere, as a file and on the way; a pipe holds nobody up.
    """
    outside, folder = tmp_path / "outside", tmp_path / "T1"
    outside.mkdir()
    folder.mkdir()
    (outside / "a.txt").write_text("not yours")
    (folder / "link").symlink_to(outside / "a.txt")
    (folder / "folder").symlink_to(outside)
    os.mkfifo(folder / "pipe")

    with pytest.raises(BadRequest):
        digest_beneath(folder, planted)


async def test_of_the_tenant(tmp_path: Path) -> None:
    """
    Each argument that names a file has its digest; one that was left out has none.
    """
    for tenant in ("T1", "T2"):
        (tmp_path / tenant).mkdir()
        (tmp_path / tenant / "a").write_text(tenant)
    contents = Contents(tmp_path)
    found = [await contents.of(each, ("path", "more"), '{"path":"a","text":"b"}') for each in ("T1", "T2")]

    assert [(("/path", hashlib.sha256(each).hexdigest()),) for each in (b"T1", b"T2")] == found
    assert () == await contents.of("T1", (), '{"path":"a"}')
