"""What a tenant's calls and files may take: the host's settings, and the tenant's own where they are less."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ironclaw.capabilities import Limits, Quota
from ironclaw.settings import Settings, TenantSettings
from ironclaw.tenancy import Tenancy

COMMON = {"max_fuel": 100, "max_memory_mb": 64, "max_call_seconds": 5, "max_output_kb": 8}
FILES = {"scratch_mb": 10, "scratch_files": 20}


def tenancy(**own: Any) -> Tenancy:
    tenants = {"acme": TenantSettings.model_validate(own)}
    return Tenancy(Settings.model_validate({"data_dir": Path("x"), "tenants": tenants, **COMMON, **FILES}))


@pytest.mark.parametrize("tenant", ["acme", "nobody"])
def test_common(tenant: str) -> None:
    """
    Without settings of its own a tenant has the common ones.
    """
    found = tenancy()

    assert Limits(fuel=100, memory_mb=64, seconds=5, output_bytes=8192) == found.most(tenant)
    assert Quota(bytes=10 << 20, files=20) == found.quota(tenant)


def test_less() -> None:
    """
    A tenant's own settings lower the common ones, zero included.
    """
    found = tenancy(max_fuel=50, max_memory_mb=32, max_call_seconds=1, max_output_kb=1, scratch_files=0)

    assert Limits(fuel=50, memory_mb=32, seconds=1, output_bytes=1024) == found.most("acme")
    assert Quota(bytes=10 << 20, files=0) == found.quota("acme")


def test_more() -> None:
    """
    A tenant's own settings never raise the common ones.
    """
    found = tenancy(**{name: value * 2 for name, value in {**COMMON, **FILES}.items()})

    assert tenancy().most("acme") == found.most("acme")
    assert tenancy().quota("acme") == found.quota("acme")
