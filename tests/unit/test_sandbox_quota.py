"""What counts as the content of a tenant's folder."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ironclaw.capabilities import Limits, Quota
from ironclaw.sandbox.folders import Meter
from ironclaw.sandbox.quota import DEEPEST, Used, count

WIDE = Quota(bytes=1 << 40, files=1_000_000)


def test_counts(tmp_path: Path) -> None:
    """
    Files and folders count, with what is in them.
    """
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "ten").write_bytes(b"x" * 10_000)
    (tmp_path / "one").write_bytes(b"x")
    used = count(tmp_path, WIDE)

    assert 3 == used.files
    assert 10_000 <= used.largest <= 16_384
    assert used.largest < used.bytes < 40_000


def test_young_and_sparse_files(tmp_path: Path) -> None:
    """
    A file counts as long as it is, whether or not it has reached the disk or ever will.
    """
    (tmp_path / "young").write_bytes(b"x" * 50_000)
    os.truncate(tmp_path / "young", 1 << 30)

    assert 1 << 30 <= count(tmp_path, WIDE).bytes


@pytest.mark.parametrize("place", ["/", "/etc/passwd", ".."])
def test_links_are_not_followed(tmp_path: Path, place: str) -> None:
    """
    A link is one small file, wherever it leads.
    """
    (tmp_path / "link").symlink_to(place)
    used = count(tmp_path, WIDE)

    assert (1, 0) == (used.files, used.largest)
    assert used.bytes < 5_000


def test_linked_folder(tmp_path: Path) -> None:
    """
    A folder that is itself a link is not counted at all.
    """
    (tmp_path / "link").symlink_to("/")
    with pytest.raises(OSError, match=r"Not a directory|symbolic"):
        count(tmp_path / "link", WIDE)


def test_pipes_and_sockets(tmp_path: Path) -> None:
    """
    What is no file is counted without being opened: a pipe would never answer.
    """
    os.mkfifo(tmp_path / "pipe")

    assert 1 == count(tmp_path, WIDE).files


def test_ends_early(tmp_path: Path) -> None:
    """
    A count costs no more than its quota, however much there is.
    """
    for number in range(50):
        (tmp_path / f"{number}").touch()
    used = count(tmp_path, Quota(files=10))

    assert (11, True) == (used.files, used.is_over(Quota(files=10)))


@pytest.mark.parametrize(("levels", "is_too_deep"), [(DEEPEST - 1, False), (DEEPEST + 5, True)])
def test_deep(tmp_path: Path, levels: int, is_too_deep: bool) -> None:
    """
    A tree that is too deep counts as full, and a count needs one descriptor a level.
    """
    tmp_path.joinpath(*["d"] * levels).mkdir(parents=True)
    before = len(os.listdir("/dev/fd"))
    used = count(tmp_path, WIDE)

    assert (is_too_deep, is_too_deep) == (used.is_too_deep, used.is_full(WIDE))
    assert before == len(os.listdir("/dev/fd"))


@pytest.mark.parametrize(
    ("used", "is_full", "is_over"),
    [
        (Used(bytes=99, files=9), False, False),
        (Used(bytes=100, files=9), True, False),
        (Used(bytes=99, files=10), True, False),
        (Used(bytes=101, files=9), True, True),
        (Used(bytes=99, files=11), True, True),
    ],
)
def test_bounds(used: Used, is_full: bool, is_over: bool) -> None:
    """
    At its quota a folder is full, beyond it over.
    """
    quota = Quota(bytes=100, files=10)

    assert (is_full, is_over) == (used.is_full(quota), used.is_over(quota))


async def test_known_at_once(tmp_path: Path) -> None:
    """
    What a call left behind is known to the one that asks in the same moment.
    """
    (tmp_path / "file").write_bytes(b"x")
    with ThreadPoolExecutor(1) as threads:
        meter = Meter(tmp_path, threads)
        before = await meter.known(WIDE)
        (tmp_path / "file").write_bytes(b"x" * 100_000)
        meter.count_soon(WIDE)
        after = await meter.known(WIDE)

    assert before.bytes < 100_000 <= after.bytes


def test_capped_limits() -> None:
    """
    Each limit is the smaller one.
    """
    asked = Limits(fuel=10, memory_mb=20, seconds=3, output_bytes=40)
    most = Limits(fuel=20, memory_mb=10, seconds=4, output_bytes=30)

    assert Limits(fuel=10, memory_mb=10, seconds=3, output_bytes=30) == asked.capped(most)
