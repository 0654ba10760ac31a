"""ironclaw.toml with one tenant more or less: whole or not at all, and nothing else of it changed."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from ironclaw.errors import BadRequest, Conflict, SettingsError
from ironclaw.settings import load
from ironclaw_bot.tenant_file import FILE, add_table, check_name, drop_table

BEFORE = """# Our bot.
port = 3001  # beside another one

[tenants.acme]  # the first
slack = ["T1"]
[tenants.acme.groups]
leads = ["slack:T1:U1"]
"""
NEW = {"slack": ["T2"], "approvers": ["slack:T2:U1"], "approvals_channel": ""}


def test_a_table_is_added(tmp_path: Path) -> None:
    """
    The new table stands behind all that was there, which is as it was, and is what the next start reads.
    """
    (tmp_path / FILE).write_text(BEFORE)
    (tmp_path / FILE).chmod(0o640)
    add_table(tmp_path, "globex", NEW, {})
    text = (tmp_path / FILE).read_text()

    assert text == BEFORE + '\n[tenants.globex]\nslack = ["T2"]\napprovers = ["slack:T2:U1"]\n'
    assert {"acme", "globex"} == set(load({}, tmp_path).tenants)
    assert ([FILE], 0o640) == ([e.name for e in tmp_path.iterdir()], (tmp_path / FILE).stat().st_mode & 0o777)


def test_the_first_of_all(tmp_path: Path) -> None:
    """
    Where there is no file yet, one is made that nobody else can read.
    """
    add_table(tmp_path, "globex", NEW, {})

    assert {"globex"} == set(load({}, tmp_path).tenants)
    assert 0o600 == (tmp_path / FILE).stat().st_mode & 0o777


def test_a_link_stays_one(tmp_path: Path) -> None:
    """
    A file that is a link to elsewhere is changed there.
    """
    there = tmp_path / "there"
    there.mkdir()
    (there / "real.toml").write_text(BEFORE)
    (tmp_path / FILE).symlink_to(there / "real.toml")
    add_table(tmp_path, "globex", NEW, {})

    assert (tmp_path / FILE).is_symlink()
    assert "globex" in tomllib.loads((there / "real.toml").read_text())["tenants"]


@pytest.mark.parametrize(
    ("before", "values"),
    [
        (BEFORE, {"approvers": ["bo"]}),
        (BEFORE + "[oops", NEW),
        (BEFORE + "nonsense = 1\n", NEW),
        ("tenants = {acme = {}}\n", NEW),
    ],
    ids=["nobody", "no toml", "no setting", "in one line"],
)
def test_nothing_is_written(tmp_path: Path, before: str, values: dict[str, list[str]]) -> None:
    """
    Where the file, or the file with the table, is none that a bot could start on, it stays as it was.
    """
    (tmp_path / FILE).write_text(before)
    with pytest.raises(SettingsError):
        add_table(tmp_path, "globex", values, {})

    assert before == (tmp_path / FILE).read_text()
    assert [FILE] == [each.name for each in tmp_path.iterdir()]


@pytest.mark.parametrize(
    "name", ["", "a b", "a.b", "../x", "-rf", "x\n", "é", "T" * 65, "local", "NUL", "com1"]
)
def test_odd_names(name: str) -> None:
    """
    What is no tenant's id, looks like an option, or is a name that something keeps for itself is refused.
    """
    with pytest.raises(BadRequest):
        check_name(name, [])


@pytest.mark.parametrize("name", ["acme", "ACME", "Acme"])
def test_twins(tmp_path: Path, name: str) -> None:
    """
    A name that is there, in whatever letters, is refused; by the settings too.
    """
    (tmp_path / FILE).write_text(BEFORE)
    with pytest.raises(Conflict):
        add_table(tmp_path, name, NEW, {})

    assert BEFORE == (tmp_path / FILE).read_text()


def test_a_table_is_taken_out(tmp_path: Path) -> None:
    """
    With a tenant's table go the tables within it, and nothing else.
    """
    (tmp_path / FILE).write_text(BEFORE + "\n[tenants.acme2]\njwt = true\n")
    gone = [drop_table(tmp_path, name, {}) for name in ("acme", "acme")]

    assert [True, False] == gone
    assert (tmp_path / FILE).read_text() == (
        "# Our bot.\nport = 3001  # beside another one\n\n[tenants.acme2]\njwt = true\n"
    )
