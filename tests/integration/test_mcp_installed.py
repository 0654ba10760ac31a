"""Servers as docs/mcp.md says that they are installed: they start, confined as by default."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.fakes.guests import NO_NODE
from tests.integration.mcp_world import SERVERS, world

from ironclaw.settings import McpServer

pytestmark = pytest.mark.sandbox
NODE = shutil.which("node")


def in_a_venv(folder: Path) -> McpServer:
    """Of a Python that may not be the system's, which is to be read too."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / ".venv"], check=True)
    shutil.copy(SERVERS / "plain.py", folder / "plain.py")
    words = {"command": f"{folder}/.venv/bin/python", "args": [f"{folder}/plain.py"]}
    return McpServer.model_validate({**words, "read": [str(folder), sys.base_prefix]})


def of_node(folder: Path) -> McpServer:
    shutil.copy(SERVERS / "plain.mjs", folder / "plain.mjs")
    words = {"command": str(NODE), "args": [f"{folder}/plain.mjs"], "read": [str(folder)]}
    return McpServer.model_validate(words)


@pytest.mark.parametrize(
    "install",
    [
        in_a_venv,
        pytest.param(of_node, marks=pytest.mark.skipif(NODE is None, reason=NO_NODE)),
    ],
)
async def test_an_installed_server(tmp_path: Path, built_toolboxes: Path, install: object) -> None:
    """
    It starts with the paths that the documents name, and lists its tools.
    """
    assert callable(install)
    (tmp_path / "srv").mkdir()
    async with world(tmp_path, built_toolboxes, notes=install(tmp_path / "srv")) as app:
        shown = app.mcp.shown("notes")

    assert shown["state"].startswith("nobody has approved its tools")
    assert "+ tool hello" in shown["differences"]
