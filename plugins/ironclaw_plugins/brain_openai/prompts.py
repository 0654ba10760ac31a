"""The text that instructs a model: a file with a version that the audit names."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from ironclaw.errors import SettingsError

MAX_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt as it is sent.  :meth:`read` makes it."""

    text: str
    version: str  #: Its file's name and the beginning of its text's SHA-256: ``system.md@1f2e3d4c5b6a``.

    @classmethod
    def read(cls, path: Path | None) -> Prompt:
        """
        :param path: None for the shipped one
        :raises SettingsError: it is not there, too long, no UTF-8 or empty
        """
        if path is None:
            return _shipped()
        try:
            content = path.read_bytes()
        except OSError as error:
            raise SettingsError(f"prompt_file: {path} cannot be read: {error.strerror}.") from None
        if len(content) > MAX_BYTES:
            raise SettingsError(f"prompt_file: {path} is longer than {MAX_BYTES} bytes.")
        try:
            return cls.of(path.name, content.decode())
        except UnicodeDecodeError:
            raise SettingsError(f"prompt_file: {path} is no UTF-8 text.") from None

    @classmethod
    def of(cls, name: str, content: str) -> Prompt:
        """
        :raises SettingsError: it is empty
        """
        text = content.strip()
        if not text:
            raise SettingsError(f"prompt_file: {name} is empty; leave the setting out for the shipped text.")
        return cls(text, f"{name}@{hashlib.sha256(text.encode()).hexdigest()[:12]}")


@cache
def _shipped() -> Prompt:
    shipped = files("ironclaw_plugins").joinpath("prompts/system.md")
    return Prompt.of(shipped.name, shipped.read_text("utf-8"))
