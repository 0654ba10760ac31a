"""Whether the plugins and the brain of the settings could be built, said without opening anything else."""

from __future__ import annotations

import time

from ironclaw.app.mind import brains_of
from ironclaw.app.services import TenantServices
from ironclaw.plugin_manager import load
from ironclaw.settings import Settings
from ironclaw.tenancy import Tenancy


def check_plugins(settings: Settings) -> None:
    """Build the plugins as a start would, and let them go again.

    :raises SettingsError: nothing would start
    """
    brains_of(settings, load(settings.plugins, _Unopened(settings, Tenancy(settings), time.time)))


class _Unopened(TenantServices):
    """As :class:`ironclaw.hookspecs.Services` promises them, of an engine that has no database."""

    def restored_at(self) -> float:
        return 0.0

    async def remember(self, source: str, event_id: str, until: float) -> bool:
        return False

    def hide_secrets(self, tenant: str, text: str) -> str:
        return text
