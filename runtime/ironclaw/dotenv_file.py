"""``.env``, read strictly: a line that says nothing is an error, not a setting that stays at its default."""

from __future__ import annotations

import difflib
import io
from collections.abc import Collection
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import Binding, parse_stream

from ironclaw.errors import SettingsError

CLOSE = 0.85  #: How alike two names are when one of them must be a slip (difflib's ratio).


def read_dotenv(path: Path, known: Collection[str]) -> dict[str, str]:
    """Each variable of the file; nothing when there is no file.

    :param known: names that we read; one that is nearly one of them is an error, any other is somebody else's
    :raises SettingsError: names the line; never what it holds
    """
    text = _text(path)
    for binding in parse_stream(io.StringIO(text)):
        if binding.error or (binding.key is not None and binding.value is None):
            raise SettingsError(f"{path.name}: line {_line(binding)} cannot be read. Write NAME=value.")
        if binding.key is not None and binding.key not in known:
            _refuse_slip(path, binding, known)
    return {name: value or "" for name, value in dotenv_values(stream=io.StringIO(text)).items()}


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        raise SettingsError(f"{path.name}: it is not UTF-8. Save it as UTF-8.") from None
    except OSError as error:
        raise SettingsError(
            f"{path.name}: cannot be read: {error.strerror}. Make it a file that you can read, or remove it."
        ) from None


def _line(binding: Binding) -> int:
    """Counted from 1; what the parser calls the line may begin with empty ones."""
    text = binding.original.string
    return binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")


def _refuse_slip(path: Path, binding: Binding, known: Collection[str]) -> None:
    near = difflib.get_close_matches(str(binding.key).upper(), known, n=1, cutoff=CLOSE)
    if near:
        raise SettingsError(
            f"{path.name}: line {_line(binding)}: there is no setting {binding.key}. Did you mean {near[0]}?"
        )
