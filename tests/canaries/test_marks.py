"""The looks themselves: a mark that is there in any form is found."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.canaries.marks import Marks


@pytest.mark.parametrize(
    "form",
    [
        str.encode,
        lambda mark: mark.upper().encode(),
        lambda mark: f"x{mark}y".encode("utf-16-le"),
        lambda mark: mark.encode().hex().upper().encode(),
        lambda mark: base64.b64encode(f"{mark}".encode()),
        lambda mark: base64.b64encode(f"a{mark}bc".encode()),
        lambda mark: base64.urlsafe_b64encode(f"ab{mark}".encode()),
        lambda mark: quote(f" {mark}").encode(),
        lambda mark: json.dumps(f'"{mark}"').encode(),
    ],
)
def test_each_form_is_found(form: object) -> None:
    """
    Plain, in capitals, UTF-16, hex, base64 wherever it begins, in a URL and in JSON.
    """
    marks = Marks()
    mark = marks.new("a place")

    assert ["a place"] == marks.within(b"before " + form(mark) + b" after")  # type: ignore[operator]
    assert [] == Marks({"zq" + "0" * 18: "another"}).within(form(mark))  # type: ignore[operator]


def test_files_and_their_names(tmp_path: Path) -> None:
    """
    A mark is found in the bytes of a file and in the name of one.
    """
    marks = Marks()
    (tmp_path / f"{marks.new('a name')}.txt").touch()
    (tmp_path / "f").write_text(marks.new("a file"))

    assert {"a file", "a name"} == {each.rpartition(": ")[2] for each in marks.under(tmp_path)}
