"""Adds a tenant's table to ironclaw.toml, and takes one out: nothing else of the file changes."""

from __future__ import annotations

import json
import os
import re
import secrets
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from ironclaw.errors import BadRequest, Conflict, SettingsError
from ironclaw.settings import TENANT_ID, Settings, load, twin_of

FILE = "ironclaw.toml"
#: Names of devices, which some systems open in every folder, and of the command line's own tenant.
RESERVED = frozenset(
    {"local", "con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}
)
ODD = (
    "{name!r} is no tenant's name: 1 to 64 letters, digits, _ and -, plain ASCII, with no dash in front; and "
    "none that a system or the command line keeps for itself."
)
_TABLE = re.compile(r"\s*\[\[?\s*(?P<name>[^\]]*?)\s*\]\]?\s*(#.*)?")

Value = str | Sequence[str]


def check_name(name: str, known: Sequence[str]) -> None:
    """
    :raises BadRequest: no name for a tenant
    :raises Conflict: it is there, be it in other letters
    """
    if not re.fullmatch(TENANT_ID.strip("^$"), name, re.ASCII) or name.casefold() in RESERVED:
        raise BadRequest(ODD.format(name=name[:100]))
    if name in known:
        raise Conflict(f"There is a tenant {name} already: change its table in {FILE}.")
    if twin := twin_of([name, *known]):
        raise Conflict(f"There is a tenant {twin} already, which differs in case only. Take another name.")


def add_table(folder: Path, name: str, values: Mapping[str, Value], environ: Mapping[str, str]) -> Settings:
    """Append ``[tenants.NAME]`` to the file, once the whole of it is known to be good; comments stay.

    :param folder: that of ironclaw.toml, which is made where there is none
    :return: the settings with it
    :raises BadRequest, Conflict: the name will not do
    :raises SettingsError: the file, or the file with it, is no good; nothing was written
    """
    before = _text(folder / FILE)
    check_name(name, list(tomllib.loads(before).get("tenants", {})))
    lines = [f"[tenants.{name}]", *(f"{key} = {_toml(value)}" for key, value in values.items() if value)]
    gap = "" if not before else "\n" if before.endswith("\n") else "\n\n"
    return _write(folder, before + gap + "\n".join(lines) + "\n", environ)


def drop_table(folder: Path, name: str, environ: Mapping[str, str]) -> bool:
    """Take a tenant's tables out of the file, with the lines in them.

    :return: False where it has none, or has it in another form than as tables
    :raises SettingsError: the file, or the file without it, is no good; nothing was written
    """
    before = _text(folder / FILE)
    if name not in tomllib.loads(before).get("tenants", {}):
        return False
    after = "".join(_without(before.splitlines(keepends=True), name))
    if name in tomllib.loads(after).get("tenants", {}):
        return False
    _write(folder, after, environ)
    return True


def _without(lines: Sequence[str], name: str) -> list[str]:
    kept, is_its = [], False
    for line in lines:
        if table := _TABLE.fullmatch(line.rstrip("\n")):
            is_its = [part.strip().strip("\"'") for part in table["name"].split(".")][:2] == ["tenants", name]
        if not is_its:
            kept.append(line)
    return kept


def _text(file: Path) -> str:
    """
    :raises SettingsError: it cannot be read, or is no TOML
    """
    try:
        text = file.read_text("utf-8") if file.exists() else ""
        tomllib.loads(text)
    except OSError as error:
        raise SettingsError(f"{FILE}: cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise SettingsError(f"{FILE}: {error}. Mend that line first.") from None
    return text


def _write(folder: Path, text: str, environ: Mapping[str, str]) -> Settings:
    """Have this text in the file: whole or not at all, and only if our own settings can be read from it.

    :raises SettingsError: they cannot, or it cannot be written
    """
    file = (folder / FILE).resolve()
    aside = file.parent / f".ironclaw-{secrets.token_hex(4)}"
    try:
        aside.mkdir(mode=0o700)
        fresh = aside / FILE
        mode = file.stat().st_mode & 0o777 if file.exists() else 0o600
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as out:
            os.fchmod(out.fileno(), mode)
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        settings = load(environ, folder, fresh)
        os.replace(fresh, file)
    except OSError as error:
        raise SettingsError(f"{FILE}: cannot be written: {error.strerror}.") from None
    finally:
        (aside / FILE).unlink(missing_ok=True)
        if aside.is_dir():
            aside.rmdir()
    return settings


def _toml(value: Value) -> str:
    """JSON's strings, and lists of them, are TOML's too."""
    return json.dumps(value if isinstance(value, str) else list(value), ensure_ascii=False)
