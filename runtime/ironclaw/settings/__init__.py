"""Every setting, read once: environment over ``.env`` over ``ironclaw.toml`` over the default.

``model``, ``tenant``, ``brain``, ``memory`` and ``mcp_servers`` say what there is, ``forms`` how words must
look and ``addresses`` those of servers, ``loading`` where they come from.
"""

from ironclaw.settings.addresses import check_address, is_in_the_clear
from ironclaw.settings.brain import ModelServer, Price
from ironclaw.settings.forms import LOCAL, PERSON, TENANT_ID, twin_of
from ironclaw.settings.loading import PREFIX, WELL_KNOWN, load
from ironclaw.settings.mcp_servers import McpServer
from ironclaw.settings.model import Settings
from ironclaw.settings.tenant import TenantSettings

__all__ = [
    "LOCAL",
    "PERSON",
    "PREFIX",
    "TENANT_ID",
    "WELL_KNOWN",
    "McpServer",
    "ModelServer",
    "Price",
    "Settings",
    "TenantSettings",
    "check_address",
    "is_in_the_clear",
    "load",
    "twin_of",
]
