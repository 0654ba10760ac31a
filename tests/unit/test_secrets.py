"""Secrets at rest: sealed, bound, rotated, and never in anything that is shown."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ironclaw import audit
from ironclaw.binding import Binding, Injection
from ironclaw.errors import BadRequest, NotFound, SettingsError, StoreError
from ironclaw.secrets import Keyring, Vault
from ironclaw.secrets.keyring import Key
from ironclaw.secrets.sealing import seal, unseal
from ironclaw.settings import Settings
from ironclaw.store import Store

BINDING = Binding("api.example.com", ("GET", "POST"), "/v1", "Authorization", "Bearer ")
VALUE = "a-value-that-" + "nobody-sees"
KEYS = ("aa" * 32, "bb" * 32)
WORDS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=80)


def chosen(folder: Path, *keys: str) -> Settings:
    """Settings with the environment's keys, the newest first."""
    given = dict(zip(("secrets_key", "secrets_key_old"), keys, strict=False))
    return Settings.model_validate({"key_file": folder / "key", "data_dir": folder / "data", **given})


@asynccontextmanager
async def opened(folder: Path, *keys: str) -> AsyncIterator[Vault]:
    """The vault as a process has it that starts now."""
    store = await Store.open(folder / "data" / "ironclaw.db")
    try:
        vault = await Vault.open(store, Keyring(chosen(folder, *keys)), lambda: 1.0)
        await vault.learn()
        yield vault
    finally:
        await store.close()


async def value(vault: Vault, tenant: str = "T1") -> str | None:
    lent = await vault.lend(tenant, "key")
    return lent.value if lent else None


def rows(folder: Path) -> list[sqlite3.Row]:
    with closing(sqlite3.connect(folder / "data" / "ironclaw.db")) as c:
        c.row_factory = sqlite3.Row
        return c.execute("SELECT * FROM secrets ORDER BY tenant, name").fetchall()


def edited(folder: Path, statement: str) -> None:
    with closing(sqlite3.connect(folder / "data" / "ironclaw.db")) as c:
        c.execute(statement)
        c.commit()


@pytest.fixture(scope="module")
def keyring(tmp_path_factory: pytest.TempPathFactory) -> Keyring:
    return Keyring(chosen(tmp_path_factory.mktemp("keys"), *KEYS))


@settings(deadline=None)
@given(plain=WORDS, tenant=WORDS, name=WORDS)
def test_round_trip(keyring: Keyring, plain: str, tenant: str, name: str) -> None:
    """
    What is sealed comes back, is not in the row, and is sealed anew each time.
    """
    row, again = (seal(keyring.current, tenant, name, BINDING, plain) for _ in range(2))

    assert plain == unseal(keyring, row)
    assert row.sealed != again.sealed


CHANGES = st.one_of(
    st.builds(lambda word: ("tenant", word), WORDS),
    st.builds(lambda word: ("name", word), WORDS),
    st.builds(lambda word: ("key_id", word), st.just(Key(bytes.fromhex(KEYS[1])).id)),
    *(
        st.builds(lambda word, field=field: ("binding", replace(BINDING, **{field: word})), WORDS)
        for field in ("host", "path", "header", "prefix")
    ),
    st.builds(lambda method: ("binding", replace(BINDING, methods=(*BINDING.methods, method))), WORDS),
    st.builds(lambda method: ("binding", replace(BINDING, methods=(f'GET","{method}',))), WORDS),
)


@settings(deadline=None)
@given(CHANGES)
def test_a_row_is_sealed_whole(keyring: Keyring, change: tuple[str, object]) -> None:
    """
    Whoever changes whose a secret is, its name, its key or any word of where it may go, has nothing.
    """
    row = seal(keyring.current, "T1", "key", BINDING, VALUE)
    changed = replace(row, **{change[0]: change[1]})

    if changed != row:
        with pytest.raises(StoreError):
            unseal(keyring, changed)


@settings(deadline=None)
@given(st.data())
def test_a_changed_bit_is_seen(keyring: Keyring, data: st.DataObject) -> None:
    """
    No character of the sealed text can be changed, added or taken away.
    """
    row = seal(keyring.current, "T1", "key", BINDING, VALUE)
    at = data.draw(st.integers(0, len(row.sealed) - 1))
    other = data.draw(st.sampled_from(["", "A", "b", "/", "AAAA", "\u00e9"]))
    text = row.sealed[:at] + other + row.sealed[at + 1 :]

    if text != row.sealed:
        with pytest.raises(StoreError):
            unseal(keyring, replace(row, sealed=text))


async def test_no_value_anywhere(tmp_path: Path) -> None:
    """
    No value is in the files of the database, in the audit, in a list, or in the repr of what carries it.
    """
    async with opened(tmp_path) as vault:
        await vault.put("T1", "key", VALUE, BINDING, "local:bo")
        shown = repr([await vault.listed("T1"), await vault.lend("T1", "key"), Key(b"k" * 32)])
        files = b"".join(path.read_bytes() for path in (tmp_path / "data").iterdir())
    events = list(audit.events(tmp_path / "data/ironclaw.db", "T1"))

    assert VALUE not in shown + files.decode("latin-1") + str(events)
    assert repr(b"k" * 32) not in shown
    assert [("secret_set", "local:bo", "key", "api.example.com")] == [
        (each["event"], each["actor"], each["name"], each["host"]) for each in events
    ]


async def test_tenants_are_apart(tmp_path: Path) -> None:
    """
    A name is one tenant's own, and so is what hides its value.
    """
    async with opened(tmp_path) as vault:
        await vault.put("T1", "key", VALUE, BINDING, "me")

        assert (VALUE, None) == (await value(vault), await value(vault, "T2"))
        assert ("[redacted: key]", VALUE) == tuple(vault.values(each).redact(VALUE) for each in ("T1", "T2"))
        assert "[redacted: key]" == vault.values("").redact(VALUE)


async def test_removed(tmp_path: Path) -> None:
    """
    What is removed is not lent again, but hidden until the process ends; it goes once, and is audited.
    """
    async with opened(tmp_path) as vault:
        await vault.put("T1", "key", VALUE, BINDING, "me")
        await vault.remove("T1", "key", "me")
        with pytest.raises(NotFound):
            await vault.remove("T1", "key", "me")

        assert await value(vault) is None
        assert "[redacted: key]" == vault.values("T1").redact(VALUE)
    assert ["secret_set", "secret_removed"] == [
        each["event"] for each in audit.events(tmp_path / "data/ironclaw.db", "T1")
    ]


async def test_known_at_the_start(tmp_path: Path) -> None:
    """
    A process that starts hides what was kept before.
    """
    async with opened(tmp_path) as vault:
        await vault.put("T1", "key", VALUE, BINDING, "me")
    async with opened(tmp_path) as vault:
        assert "[redacted: key]" == vault.values("T1").redact(VALUE)


async def test_basic_credentials(tmp_path: Path) -> None:
    """
    Of Basic credentials the password in them is hidden too: that is what a server would say.
    """
    async with opened(tmp_path) as vault:
        await vault.put("T1", "key", "Ym86Y29ycmVjdC1ob3JzZQ==", replace(BINDING, prefix="Basic "), "me")

        assert "[redacted: key]!" == vault.values("T1").redact("correct-" + "horse!")


@pytest.mark.parametrize(
    ("name", "plain"),
    [("Key", VALUE), ("", VALUE), ("a-b", VALUE), ("k" * 65, VALUE), ("key", "short"), ("key", "x" * 4001),
     ("key", "two words"), ("key", "a\r\nInjected: 1"), ("key", "ung\u00fcltig"), ("key\n", VALUE)],
)  # fmt: skip
async def test_what_cannot_be_kept(tmp_path: Path, name: str, plain: str) -> None:
    """
    A name or value that no header could carry, or no guard could hide, is refused and not repeated.
    """
    async with opened(tmp_path) as vault:
        with pytest.raises(BadRequest) as caught:
            await vault.put("T1", name, plain, BINDING, "me")

        assert () == await vault.listed("T1")
    assert plain not in str(caught.value)


async def test_rotation_by_file(tmp_path: Path) -> None:
    """
    Each rotation seals everybody's secrets under a new key, keeps them, and says so in each audit.
    """
    async with opened(tmp_path) as vault:
        for tenant in ("T1", "T2"):
            await vault.put(tenant, "key", VALUE, BINDING, "me")
        ids = [{row["key_id"] for row in rows(tmp_path)}]
        for _ in range(2):
            assert 2 == await vault.rotate("me")
            ids.append({row["key_id"] for row in rows(tmp_path)})
    async with opened(tmp_path) as vault:
        kept = [await value(vault, tenant) for tenant in ("T1", "T2")]

    assert [VALUE, VALUE] == kept
    assert ([1, 1, 1], 3) == ([len(each) for each in ids], len(set.union(*ids)))
    assert not (tmp_path / "secrets.next").exists()
    assert 2 == [each["event"] for each in audit.events(tmp_path / "data/ironclaw.db", "T2")].count(
        "secrets_rotated"
    )


async def test_rotation_by_environment(tmp_path: Path) -> None:
    """
    The old key opens until the rotation; after it the new one alone does, and the old one alone does not.
    """
    async with opened(tmp_path, KEYS[0]) as vault:
        await vault.put("T1", "key", VALUE, BINDING, "me")
    async with opened(tmp_path, KEYS[1], KEYS[0]) as vault:
        assert (VALUE, 1, 0) == (await value(vault), await vault.rotate("me"), await vault.rotate("me"))
    async with opened(tmp_path, KEYS[1]) as vault:
        assert VALUE == await value(vault)
    with pytest.raises(StoreError, match="sealed with a key that is not here"):
        async with opened(tmp_path, KEYS[0]):
            pass


async def test_from_file_to_environment(tmp_path: Path) -> None:
    """
    What the host's own key sealed is opened beside a given one, and moves to it.
    """
    async with opened(tmp_path) as vault:
        await vault.put("T1", "key", VALUE, BINDING, "me")
    async with opened(tmp_path, KEYS[0]) as vault:
        assert (VALUE, 1) == (await value(vault), await vault.rotate("me"))
    assert Key(bytes.fromhex(KEYS[0])).id == rows(tmp_path)[0]["key_id"]


@pytest.mark.parametrize("crash", ["replace", "reseal"])
async def test_rotation_and_crash(tmp_path: Path, crash: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Cut off before or after its transaction, a rotation loses nothing, and can be done again.
    """

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    async with opened(tmp_path) as vault:
        await vault.put("T1", "key", VALUE, BINDING, "me")
        await vault.rotate("me")  # From here on the key is in a file that the next one replaces.
        if crash == "replace":
            monkeypatch.setattr(os, "replace", killed)
        else:
            monkeypatch.setattr("ironclaw.store.secrets.Secrets.reseal", killed)
        with pytest.raises(KeyboardInterrupt):
            await vault.rotate("me")
    monkeypatch.undo()
    async with opened(tmp_path) as vault:
        assert (VALUE, 1) == (await value(vault), await vault.rotate("me"))
    async with opened(tmp_path) as vault:
        assert VALUE == await value(vault)


async def test_a_rotation_is_all_or_nothing(tmp_path: Path) -> None:
    """
    One secret that cannot be opened, and none is sealed anew.
    """
    async with opened(tmp_path) as vault:
        await vault.put("T1", "key", VALUE, BINDING, "me")
        await vault.put("T2", "key", VALUE, BINDING, "me")
        edited(tmp_path, "UPDATE secrets SET host = 'evil.example' WHERE tenant = 'T2'")
        before = [row["sealed"] for row in rows(tmp_path)]
        with pytest.raises(StoreError, match="T2 was changed in the database"):
            await vault.rotate("me")

        assert before == [row["sealed"] for row in rows(tmp_path)]
        assert VALUE == await value(vault)


async def test_kept_during_a_rotation(tmp_path: Path) -> None:
    """
    A secret that comes while others are sealed anew is not left with a key that is gone.
    """
    async with opened(tmp_path) as vault:
        await vault.put("T1", "key", VALUE, BINDING, "me")
        await vault.rotate("me")
        await asyncio.gather(vault.rotate("me"), vault.put("T1", "other", VALUE, BINDING, "me"))
    async with opened(tmp_path) as vault:
        assert 2 == len(await vault.listed("T1"))


async def test_a_retargeted_row(tmp_path: Path) -> None:
    """
    Whoever writes another host into the database stops the next start, and gets nothing sent there.
    """
    async with opened(tmp_path) as vault:
        await vault.put("T1", "key", VALUE, BINDING, "me")
        edited(tmp_path, "UPDATE secrets SET host = 'evil.example'")
        with pytest.raises(StoreError, match="was changed in the database"):
            await vault.lend("T1", "key")
    with pytest.raises(StoreError):
        async with opened(tmp_path):
            pass


@pytest.mark.parametrize("key", ["short", "zz" * 32, "aa" * 33, " " + "aa" * 32])
def test_a_wrong_key(tmp_path: Path, key: str) -> None:
    """
    A key that is none names its setting and the remedy, and is not repeated.
    """
    with pytest.raises(SettingsError, match="secrets_key: it is not 64 hex digits") as caught:
        Keyring(chosen(tmp_path, key))

    assert key not in str(caught.value)


def test_keys_are_ours_alone(tmp_path: Path) -> None:
    """
    A key that others can read is refused.
    """
    Keyring(chosen(tmp_path)).upcoming()
    (tmp_path / "secrets.next").chmod(0o644)

    with pytest.raises(SettingsError, match="others can read it"):
        Keyring(chosen(tmp_path))


def test_an_injection_keeps_its_value_to_itself() -> None:
    """
    No text made of an injection holds its value.
    """
    injection = Injection("key", BINDING, VALUE)

    assert VALUE not in f"{injection} {injection!r} {[injection]}"
