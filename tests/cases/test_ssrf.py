"""Every address of the case file through the egress."""

from __future__ import annotations

from pathlib import Path

import pytest

from ironclaw.registry import Registry
from ironclaw.sandbox import Component, Profile, Sandbox
from tests.cases import ssrf
from tests.cases.driver import DATA, load, run
from tests.cases.through_guest import Guest
from tests.fakes.sandbox import KEY


async def test_ssrf_cases() -> None:
    """
    Each of the file's requests gets out or not, as it says, and nothing else does.
    """
    data = load(DATA / ssrf.FILE)

    report = await run(DATA / ssrf.FILE, [ssrf])

    assert report.failures == []
    assert report.passed == len(data["cases"])


@pytest.mark.sandbox
@pytest.mark.timeout(300)
async def test_ssrf_cases_through_a_guest(built_toolboxes: Path, code_cache: Path, tmp_path: Path) -> None:
    """
    The same when a tool in its worker asks for each of them.
    """
    box = Registry.load([built_toolboxes / "probe"]).toolboxes[0]
    component = Component(box.component, box.component_sha256, Profile(box.profile))
    sandbox = await Sandbox.open(cache_dir=code_cache, cache_key=KEY, scratch_root=tmp_path)
    guest = Guest(sandbox, component, tmp_path)
    try:
        outcomes = [each async for each in ssrf.cases(load(DATA / ssrf.FILE), guest.through)]
    finally:
        await sandbox.close()

    assert [] == [(case, problem) for case, problem in outcomes if problem]
    assert guest.calls >= len(outcomes) - 5  # All but those whose redirect no server could send.
