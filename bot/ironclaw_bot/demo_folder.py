"""The demo's folder and who is who in it; without Slack's modules, for commands beside a demo that runs."""

from __future__ import annotations

import argparse
from pathlib import Path

from ironclaw.settings import Settings, TenantSettings

DEMO = Path(".ironclaw/demo")
TEAM = "T0001"
BO = "U1BO"


def add_demo_options(parser: argparse.ArgumentParser) -> None:
    """Let a command speak with the demo in place of the bot."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--demo", action="store_const", const=DEMO, help=f"speak with the demo, whose folder is {DEMO}"
    )
    where.add_argument("--folder", dest="demo", type=Path, help="speak with a demo of this folder")


def in_demo(settings: Settings, folder: Path) -> Settings:
    """The user's settings, with the demo's data; Bo approves, and whom the settings name locally."""
    approvers = (f"slack:{TEAM}:{BO}", *settings.local_approvers)
    changes = {
        "data_dir": folder / "data",
        "key_file": folder / "key",
        "checkpoints": None,
        "sandbox_layers": "warn",  # To be looked at anywhere; serve asks for every layer.
        "tenants": {TEAM: TenantSettings(slack=(TEAM,), approvers=approvers)},
    }
    return settings.model_copy(update=changes)
