"""docs/tools.md, followed word for word: an author's way from nothing to a tested tool, in each language."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.children import SCRIPT
from tests.fakes import guests
from tests.integration.engine import shared_code

from ironclaw_bot.guests.languages import source_of

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(300)]
PAGE = (Path(__file__).parents[2] / "docs" / "tools.md").read_text("utf-8")
STEP = re.compile(
    r"<!-- file: (?P<file>\S+) -->\n```\w+\n(?P<shown>.*?)```"
    r'|<!-- change: (?P<changed>\S+): "(?P<old>.*?)" -> "(?P<new>.*?)" -->'
    r"|```console\n(?P<console>.*?)```",
    re.DOTALL,
)
#: Said on the way, when something is built; not when it is there already.
ON_THE_WAY = re.compile(r"^(building|built|compiling|compiled) ")


def steps(heading: str) -> Iterator[re.Match[str]]:
    """What a section tells its reader to do and to see."""
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    return STEP.finditer(section)


def commands(console: str) -> list[tuple[str, list[str]]]:
    """Each command with the lines that the page shows after it."""
    parts = re.split(r"^\$ ", console, flags=re.MULTILINE)[1:]
    return [(part.splitlines()[0], part.splitlines()[1:]) for part in parts]


def masked(lines: list[str]) -> list[str]:
    """The lines without what is different each time: numbers, digests, widths."""
    kept = [line for line in lines if not ON_THE_WAY.match(line)]
    kept = [re.sub(r"[0-9a-f]{64}", "DIGEST", line) for line in kept]
    return [re.sub(r"\s+", " ", re.sub(r"\d[\d,.]*", "0", line)) for line in kept]


class Author:
    """Somebody at a shell, in a folder."""

    def __init__(self, folder: Path, language: str) -> None:
        self.folder, self._kept = folder, guests.KEPT / f"page-{language}"
        settings = "".join(f"{key} = {str(value)!r}\n" for key, value in shared_code().items())
        (folder / "ironclaw.toml").write_text(settings)
        self._config = folder / "ironclaw.toml"

    def follow(self, step: re.Match[str]) -> None:
        if step["file"]:
            assert step["shown"] == (self.folder / step["file"]).read_text()
        elif step["changed"]:
            file = self.folder / step["changed"]
            old, new = (step[each].replace("\\n", "\n") for each in ("old", "new"))
            assert old in file.read_text()
            file.write_text(file.read_text().replace(old, new))
        else:
            for command, shown in commands(step["console"]):
                self.type(command, shown)

    def type(self, command: str, shown: list[str]) -> None:
        """Run a command, and see what the page shows."""
        if command.startswith("cd "):
            self.folder = self.folder / command[3:]
            shutil.copy(self._config, self.folder)
            self._bring()
            return
        words = [str(SCRIPT), *command.split()[1:]]
        done = subprocess.run(words, cwd=self.folder, capture_output=True, text=True, env=self.environ)
        said = masked((done.stderr + done.stdout).splitlines())
        is_wrong = any(line.startswith(("FAIL", "ironclaw:")) for line in said)

        assert (masked(shown), int(is_wrong)) == (said, done.returncode)

    @property
    def environ(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]}

    def _bring(self) -> None:
        """What an earlier run built of the same source: a build of Python takes 15 s."""
        built = guests.kept(self.folder, self._kept.name)
        shutil.copytree(built, self.folder / "built" / "hello")


@pytest.mark.parametrize(
    ("heading", "language"),
    [
        ("From nothing to a tested tool", "python"),
        ("In JavaScript or TypeScript", "js"),
        ("In C", "c"),
        ("In Zig", "zig"),
    ],
)
def test_followed(heading: str, language: str, tmp_path: Path) -> None:
    """
    Who types what a section shows, sees what it shows.
    """
    guests.need(language)
    author = Author(tmp_path, language)

    for step in steps(heading):
        author.follow(step)


def test_typescript(tmp_path: Path) -> None:
    """
    A toolbox in TypeScript is made and tested like one in JavaScript.
    """
    guests.need("ts")
    author = Author(tmp_path, "ts")
    done = subprocess.run([SCRIPT, "tool", "new", "hello", "--lang", "ts"], cwd=tmp_path, capture_output=True)
    author.type("cd hello", [])
    test = subprocess.run(
        [SCRIPT, "tool", "test"], cwd=author.folder, env=author.environ, capture_output=True, text=True
    )

    assert (0, "ts") == (done.returncode, source_of(author.folder, author.folder).entry[-2:])
    assert test.stdout.endswith("3 passed, 0 failed\n"), test
