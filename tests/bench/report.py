"""``python -m tests.bench report``: what the bench has kept, into docs/performance.md and its plots.

The words of the page are people's; what stands between its marks is written anew.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

from tests.bench.contenders import PEERS, PROGRAMS
from tests.bench.measure import OUT, Result, table

DOCS = Path(__file__).parents[2] / "docs"
PAGE = "performance.md"
_BETWEEN = "(<!-- begin {0} -->\n).*?(<!-- end {0} -->)"


def write(source: Path = OUT, docs: Path = DOCS, *, draw: bool = True) -> None:
    """Each kept result into its place; then the plots, where matplotlib was installed by `make bench`."""
    page = docs / PAGE
    text = page.read_text("utf-8")
    for path in sorted(source.glob("*.json")):
        text = placed(text, path.stem, said(_result(json.loads(path.read_text("utf-8")))))
    page.write_text(text, "utf-8")
    if draw and PEERS.exists():
        subprocess.run([PEERS, PROGRAMS / "plots.py", source, docs], check=True)


def placed(page: str, name: str, text: str) -> str:
    """The page with the text between the marks of that name; as it is, where it has none."""
    return re.sub(
        _BETWEEN.format(re.escape(name)), lambda found: f"{found[1]}{text}{found[2]}", page, flags=re.DOTALL
    )


def said(result: Result) -> str:
    """The table, and where and with what it was measured."""
    where = result.machine
    versions = result.numbers.get("versions")
    known = sorted(versions.items()) if isinstance(versions, dict) else ()
    others = "".join(f", {name} {version}" for name, version in known if name != "ironclaw")
    line = (
        f"{where['at']}, {where['cpus']} CPUs, load {where['load']}, Python {where['python']}, "
        f"SQLite {where['sqlite']}, {where['system']}{others}."
    )
    return f"{table(result)}\n{line}\n"


def _result(kept: dict[str, Any]) -> Result:
    rows = tuple(tuple(row) for row in kept.pop("rows"))
    return Result(**{**kept, "rows": rows, "head": tuple(kept["head"]), "notes": tuple(kept["notes"])})
