"""The demo's folder and who is who in it; without Slack's modules, for commands beside a demo that runs."""

from __future__ import annotations

import argparse
from pathlib import Path

from ironclaw.settings import Settings, TenantSettings

DEMO = Path(".ironclaw/demo")
TEAM = "T0001"
BO, CY = "U1BO", "U1CY"
APPROVERS = (f"slack:{TEAM}:{BO}", f"slack:{TEAM}:{CY}")
GROUPS = {"finance": APPROVERS}  #: Who a policy may ask for, where the settings name no other finance.


def add_place(parser: argparse.ArgumentParser) -> None:
    """Let a command speak with one tenant, of the bot or of the demo."""
    parser.add_argument("--tenant", default="", help="whose (default: the only one there is)")
    add_demo_options(parser)


def add_demo_options(parser: argparse.ArgumentParser) -> None:
    """Let a command speak with the demo in place of the bot."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--demo", action="store_const", const=DEMO, help=f"speak with the demo, whose folder is {DEMO}"
    )
    where.add_argument("--folder", dest="demo", type=Path, help="speak with a demo of this folder")


def in_demo(settings: Settings, folder: Path) -> Settings:
    """The user's settings, with the demo's data; Bo and Cy approve, and whom the settings name."""
    changes = {
        "data_dir": folder / "data",
        "key_file": folder / "key",
        "checkpoints": None,
        "sandbox_layers": "warn",  # To be looked at anywhere; serve asks for every layer.
        "tenants": {TEAM: _tenant(settings)},
    }
    return settings.model_copy(update=changes)


def _tenant(settings: Settings) -> TenantSettings:
    """The tenant of the demo's workspace: what the settings say of it, and the demo's people."""
    named = (tenant for name, tenant in settings.tenants.items() if TEAM in tenant.slack or name == TEAM)
    own = next(named, TenantSettings.model_validate({}))
    changes = {
        "slack": (TEAM,),
        "approvers": tuple(dict.fromkeys((*APPROVERS, *settings.local_approvers, *own.approvers))),
        "groups": {**GROUPS, **own.groups},
    }
    return own.model_copy(update=changes)
