"""What is advised where the database is older than its checkpoints."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from ironclaw.audit.keeping import _way_on


@pytest.mark.parametrize(
    ("is_shared", "command"),
    [(True, "`ironclaw restore --database-is-restored`"), (False, "`ironclaw restore FILE`")],
)
def test_the_restore_comes_first(is_shared: bool, command: str) -> None:
    """
    The restore after which nothing runs twice is named first, and what has it run again last.
    """
    found = _way_on(cast(Any, SimpleNamespace(is_shared=is_shared)), "checkpoints.jsonl")

    assert 0 < found.index(command) < found.index("move checkpoints.jsonl away")
