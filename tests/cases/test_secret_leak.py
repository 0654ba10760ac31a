"""The copied leak cases, all of them."""

import pytest

from tests.cases import secret_boundary, secret_leak
from tests.cases.driver import DATA, load, run


async def test_secret_leak_cases() -> None:
    """
    Every secret is redacted in every carrier that a text can be, and no negative is touched.
    """
    report = await run(DATA / secret_leak.FILE, [secret_leak])

    assert [] == report.failures
    assert report.passed > 400


def test_every_carrier_is_driven() -> None:
    """
    No carrier of the file is forgotten: those that are not there yet are named.
    """
    data = load(DATA / secret_leak.FILE)
    listed = set(data["carriers"]).union(*data["expectation_by_carrier"].values())
    texts = secret_leak.PLAIN.keys() | secret_leak.CHANGED.keys() | {secret_leak.CRASH}
    sinks = {*secret_boundary.SINKS, secret_boundary.LISTING}

    assert listed == texts | sinks | {secret_leak.STREAMED} | secret_leak.NOT_YET
    assert not secret_leak.NOT_YET & (texts | sinks)


@pytest.mark.sandbox
async def test_secret_boundary_cases() -> None:
    """
    No attack on the boundary gets at a secret that a tool uses, and none of them is ever in a sink.
    """
    report = await run(DATA / secret_boundary.FILE, [secret_boundary])

    assert [] == report.failures
    assert 14 + 15 * (len(secret_boundary.SINKS) + 1) == report.passed
