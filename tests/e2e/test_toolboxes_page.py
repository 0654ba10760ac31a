"""docs/tools.md: the commands that add a toolbox of ours, run one after the other."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.e2e.children import SCRIPT
from tests.e2e.test_tools_page import PAGE
from tests.fakes import guests
from tests.integration.engine import shared_code

ROOT = Path(__file__).parents[2]
SECTION = PAGE.split("## Toolboxes to add\n")[1].split("\n## ")[0]
TOKEN = "github_" + "pat_of_nobody"

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(300)]


def commands() -> list[str]:
    """Each command without its comment."""
    lines = "".join(re.findall(r"^```sh\n(.*?)^```", SECTION, re.MULTILINE | re.DOTALL)).splitlines()
    return [line.partition("    #")[0] for line in lines]


def run(command: str, folder: Path) -> str:
    """What a shell's command printed, to its good end."""
    environ = {"PATH": f"{SCRIPT.parent}:{os.environ['PATH']}", "HOME": os.environ["HOME"]}
    done = subprocess.run(
        command, shell=True, cwd=folder, env=environ, input=TOKEN, capture_output=True, text=True
    )
    assert 0 == done.returncode, done
    return done.stdout


def test_added(tmp_path: Path) -> None:
    """
    Who types what the section shows has the tools of GitHub, tested, signed by their own key, with a token.
    """
    config = tmp_path / "ironclaw.toml"
    config.write_text("".join(f"{key} = {str(value)!r}\n" for key, value in shared_code().items()))
    (tmp_path / "tools").symlink_to(ROOT / "tools")
    copy, *others = commands()
    run(copy, tmp_path)
    shutil.copytree(guests.kept(tmp_path / "github", "github"), tmp_path / "github" / "built" / "github")
    printed = {}
    for command in others:
        printed[command] = run(command, tmp_path)
        if "keygen" in command:
            key = printed[command].split()[-1]
            config.write_text(f'trusted_signers = ["github:{key}"]\n{config.read_text()}')

    assert ", 0 failed" in printed["ironclaw tool test github"]
    assert f"signed by {key}" in printed["ironclaw tool list"]
    assert "github.merge" in printed["ironclaw tool list"]
    assert TOKEN not in str(printed)


def test_every_toolbox_is_named() -> None:
    """
    The section names each toolbox that has a page of its own.
    """
    pages = {page.parent.name for page in (ROOT / "tools" / "ironclaw_tools").glob("*/README.md")}

    assert pages - {"templates"} == set(re.findall(r"^- `(\w+)` ", SECTION, re.MULTILINE))
