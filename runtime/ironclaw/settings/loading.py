"""Reads the settings: from the environment, ``.env`` and ``ironclaw.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ironclaw.dotenv_file import read_dotenv
from ironclaw.errors import SettingsError
from ironclaw.settings.model import Settings
from ironclaw.wrong_settings import wrong

PREFIX = "IRONCLAW_"
#: Names that other tools use too, kept as they are known.
WELL_KNOWN = {
    "SLACK_BOT_TOKEN": "slack_bot_token",
    "SLACK_SIGNING_SECRET": "slack_signing_secret",
    "SLACK_APP_TOKEN": "slack_app_token",
    "OPENAI_API_KEY": "openai_api_key",
    "OPENAI_BASE_URL": "openai_base_url",
    "QDRANT_URL": "qdrant_url",
    "QDRANT_API_KEY": "qdrant_api_key",
}


def load(environ: Mapping[str, str], folder: Path = Path("."), toml: Path | None = None) -> Settings:
    """The settings of a process.

    :param environ: such as os.environ
    :param folder: where ``.env`` and ``ironclaw.toml`` may be
    :param toml: what to read in the place of that ``ironclaw.toml``
    :raises SettingsError: names the field, what is wrong with it, and the remedy
    """
    known = {*WELL_KNOWN, *(PREFIX + field.upper() for field in Settings.model_fields)}
    dotenv = read_dotenv(folder / ".env", known)
    values = {**_toml(toml or folder / "ironclaw.toml"), **_variables(dotenv), **_variables(environ)}
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        sources = {field: f"{name} in .env" for field, name in _names(dotenv).items()} | _names(environ)
        raise wrong(list(error.errors()), Settings.model_json_schema(), sources) from None


def _toml(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"{path.name}: cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path.name}: {error}. Mend that line or remove the file.") from None


def _variables(environ: Mapping[str, str]) -> dict[str, str]:
    return {field: environ[name] for field, name in _names(environ).items()}


def _names(environ: Mapping[str, str]) -> dict[str, str]:
    """The variable that sets a field, by field; our own name over the well-known one."""
    found = {field: name for name, field in WELL_KNOWN.items() if name in environ}
    return found | {name[len(PREFIX) :].lower(): name for name in environ if name.startswith(PREFIX)}
