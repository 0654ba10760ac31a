"""Begins what is due, in a process of its own: ``python -m tests.fakes.sweeping FOLDER SECONDS``."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from ironclaw.app.schedules import Schedules
from ironclaw.store import Store
from ironclaw.tenancy import Tenancy
from tests.fakes.clock import Clock
from tests.integration.engine import settings


async def sweep(folder: Path, at: float) -> None:
    """One look of a bot whose clock says so."""
    clock, store = Clock(at), await Store.open(folder / "ironclaw.db")
    tenancy = Tenancy(settings(folder), clock)
    await Schedules(store, tenancy, lambda task: None, lambda workflow_id, tenant: None, clock).sweep()
    await store.close()


if __name__ == "__main__":
    asyncio.run(sweep(Path(sys.argv[1]), float(sys.argv[2])))
