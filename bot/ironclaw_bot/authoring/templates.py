"""A new toolbox: the files of a template with its name in them."""

from __future__ import annotations

import re
from pathlib import Path

from ironclaw.errors import ToolboxError
from ironclaw_bot.build import tools_folder

LANGUAGES = ("python", "js", "ts", "c", "zig")
NAME = re.compile(r"[a-z][a-z0-9_]{0,31}\Z")
PLACEHOLDER = "NAME"
#: Of every language; a file whose name begins with a dot would be hidden in our own folder.
SHARED = {"cases.toml": "cases.toml", "README.md": "README.md", "gitignore": ".gitignore"}


def new(name: str, language: str, where: Path) -> list[Path]:
    """Make the folder of a new toolbox.

    :param language: one of LANGUAGES
    :param where: the folder that gets a folder of this name
    :return: the files that were made
    :raises ToolboxError: the name will not do, or the folder is there already
    """
    if not NAME.match(name):
        raise ToolboxError("a toolbox's name is a word of at most 32 characters a-z, 0-9 and _")
    templates = tools_folder() / "templates"
    files = {file.name: file for file in sorted((templates / language).iterdir()) if file.is_file()}
    files |= {shown: templates / file for file, shown in SHARED.items()}
    folder = where / name
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise ToolboxError(f"{folder} cannot be made: {error.strerror}") from None
    for shown, file in files.items():
        text = file.read_text("utf-8").replace(PLACEHOLDER, name)
        (folder / shown).write_text(text, "utf-8")
    return [folder / shown for shown in files]
