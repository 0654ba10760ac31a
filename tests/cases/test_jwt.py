"""Every token of the case file through the gateway."""

from __future__ import annotations

import pytest

from tests.cases import jwt
from tests.cases.driver import DATA, load, run


@pytest.mark.sandbox
async def test_vectors() -> None:
    """
    Each of the file's tokens is accepted or refused as it says, at the real door.
    """
    data = load(DATA / jwt.FILE)

    report = await run(DATA / jwt.FILE, [jwt])

    assert report.passed == len(data["vectors"]), report.failures
