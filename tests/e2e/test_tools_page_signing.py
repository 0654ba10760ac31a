"""docs/tools.md, followed word for word: from a built toolbox to an installed one."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.e2e.children import SCRIPT
from tests.e2e.test_tools_page import Author, steps
from tests.fakes import guests

from ironclaw.registry.signing import public_key
from ironclaw_bot.authoring.signing_keys import load_signing_key

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(300)]


class Operator(Author):
    """Also packs archives, and trusts whoever signs."""

    def type(self, command: str, shown: list[str]) -> None:
        if command.startswith("tar "):
            subprocess.run(command.split(), cwd=self.folder, check=True)
            return
        super().type(command, shown)
        if command.startswith("ironclaw tool sign "):
            key = public_key(load_signing_key(self.folder / "acme.pem"))
            settings = self.folder / "ironclaw.toml"
            settings.write_text(f'trusted_signers = ["hello:{key}"]\n{settings.read_text()}')


def test_signed_and_installed(tmp_path: Path) -> None:
    """
    Who types what the section shows, sees what it shows: key, signature, difference, installation.
    """
    guests.need("python")
    operator = Operator(tmp_path, "python")
    subprocess.run([SCRIPT, "tool", "new", "hello"], cwd=tmp_path, env=operator.environ, check=True)
    operator.type("cd hello", [])

    for step in steps("Sign and install"):
        operator.follow(step)
