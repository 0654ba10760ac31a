"""Every setting, read once: environment over ``.env`` over ``ironclaw.toml`` over the default.

``model`` and ``tenant`` say what there is, ``forms`` how words must look, ``loading`` where they come from.
"""

from ironclaw.settings.forms import LOCAL, PERSON
from ironclaw.settings.loading import PREFIX, WELL_KNOWN, load
from ironclaw.settings.model import Settings
from ironclaw.settings.tenant import TenantSettings

__all__ = ["LOCAL", "PERSON", "PREFIX", "WELL_KNOWN", "Settings", "TenantSettings", "load"]
