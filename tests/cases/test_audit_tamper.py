"""Every case of tampering with the audit log."""

from __future__ import annotations

import pytest

from tests.cases import audit_tamper
from tests.cases.driver import DATA, load, run


@pytest.mark.sandbox
async def test_audit_tamper_cases() -> None:
    """
    Each tampering is seen, by the chain or by the checkpoints as the file says, and each promise is kept.
    """
    data = load(DATA / audit_tamper.FILE)

    report = await run(DATA / audit_tamper.FILE, [audit_tamper])

    assert report.failures == []
    assert report.passed == len(data["cases"])
