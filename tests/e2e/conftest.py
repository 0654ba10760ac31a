"""The toolboxes, built before any process of the end-to-end tests is started."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True, scope="session")
def _built(built_toolboxes: Path) -> None:
    """A bot that has to build first is not what is tested here."""
