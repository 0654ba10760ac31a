"""The host's key and the database that is sealed with it: one without the other starts nothing."""

from __future__ import annotations

from ironclaw.canonical import mac, subkey
from ironclaw.errors import SettingsError
from ironclaw.keys import load_key
from ironclaw.settings import Settings
from ironclaw.store import KEY, Store

MISSING = "key_file: {file} is missing, and this database is sealed with the key that was in it. {remedy}"
OTHER = "key_file: the key in {file} is not the one that this database is sealed with. {remedy}"
REMEDY = (
    "Put that key back: from the backup, or from another machine that uses this database; or correct "
    "key_file. If it is lost for good, docs/operate.md says how to go on without it."
)


async def unlock(settings: Settings, store: Store) -> bytes:
    """The host's key; made only for a database that has none yet.

    :raises SettingsError: the database is sealed with another one, or the file cannot be used
    """
    check_key(settings, await store.belongings.kept(KEY))
    key = load_key(settings.key_file)
    check_key(settings, await store.belongings.keep(KEY, fingerprint(key)))
    return key


def check_key(settings: Settings, known: str) -> None:
    """Hold the key file against what the database says; nothing is made.

    :param known: the fingerprint of its key, "" for none yet
    :raises SettingsError: it is another key, or missing
    """
    file = settings.key_file
    if known and not file.exists():
        raise SettingsError(MISSING.format(file=file, remedy=REMEDY))
    if known and fingerprint(load_key(file)) != known:
        raise SettingsError(OTHER.format(file=file, remedy=REMEDY))


def fingerprint(key: bytes) -> str:
    """Tells keys apart and tells nothing of them."""
    return mac(subkey(key, "fingerprint"), "ironclaw host key")
