"""The host's key and its database: one without the other starts nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from ironclaw.errors import SettingsError
from ironclaw.keys import load_key
from ironclaw.secrets import unlock
from ironclaw.settings import Settings
from ironclaw.store import Store, changing, renew
from ironclaw_bot.doctor import examine


def of(folder: Path) -> Settings:
    (folder / "data").mkdir(mode=0o700, exist_ok=True)
    return Settings.model_validate({"data_dir": folder / "data", "key_file": folder / "key"})


async def unlocked(folder: Path) -> bytes:
    store = await Store.open(of(folder).data_dir / "ironclaw.db")
    try:
        return await unlock(of(folder), store)
    finally:
        await store.close()


async def test_a_lost_key(tmp_path: Path) -> None:
    """
    Where the key of a database is missing, none is made; the doctor says which file it is.
    """
    await unlocked(tmp_path)
    (tmp_path / "key").unlink()
    with pytest.raises(SettingsError, match=f"key_file: {tmp_path}/key is missing, and this database"):
        await unlocked(tmp_path)
    found = "\n".join(map(str, await examine(of(tmp_path))))

    assert f"FAIL key_file: {tmp_path}/key is missing" in found
    assert not (tmp_path / "key").exists()


async def test_another_key(tmp_path: Path) -> None:
    """
    With another key nothing starts, and the doctor says so; with the old one it does.
    """
    key = await unlocked(tmp_path)
    (tmp_path / "key").rename(tmp_path / "old")
    load_key(tmp_path / "key")
    with pytest.raises(SettingsError, match="is not the one that this database is sealed with"):
        await unlocked(tmp_path)
    assert "FAIL key_file: the key in" in "\n".join(map(str, await examine(of(tmp_path))))
    (tmp_path / "old").rename(tmp_path / "key")

    assert key == await unlocked(tmp_path)


async def test_a_restore_takes_another_key(tmp_path: Path) -> None:
    """
    After a restore no seal of before counts anyway: it goes on with the key that is there.
    """
    old = await unlocked(tmp_path)
    (tmp_path / "key").unlink()
    with changing(of(tmp_path).data_dir / "ironclaw.db") as c:
        renew(c, "local:bo", 1.0)

    assert old != await unlocked(tmp_path)
    assert load_key(tmp_path / "key") == await unlocked(tmp_path)
