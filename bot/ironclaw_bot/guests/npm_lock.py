"""Cleans npm's lock file after it was written anew: ``python -m ironclaw_bot.guests.npm_lock FILE``.

Without addresses of a registry, and without optional packages that were never published: with those,
``npm ci`` refuses the whole file.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def cleaned(lock: dict[str, Any]) -> dict[str, Any]:
    """The lock file's content without what npm ci or we do not want."""
    return {**lock, "packages": {name: _cleaned(each, lock) for name, each in lock["packages"].items()}}


def _cleaned(package: dict[str, Any], lock: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in package.items() if key != "resolved"}
    if optional := package.get("optionalDependencies"):
        known = {name: v for name, v in optional.items() if f"node_modules/{name}" in lock["packages"]}
        kept["optionalDependencies"] = known
    return kept


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(json.dumps(cleaned(json.loads(path.read_text("utf-8"))), indent=2) + "\n", "utf-8")
