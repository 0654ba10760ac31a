"""``ironclaw audit``: verify the log, here or on a copy; change the key that signs checkpoints."""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from ironclaw.audit import Chain, Checkpoint, Checkpoints, Kept, Restore, read, verify
from ironclaw.errors import BadRequest, StoreError
from ironclaw.settings import Settings
from ironclaw.store import Head

_EXPECTED = re.compile(r"(?P<tenant>[A-Za-z0-9_-]{1,64})=(?P<n>[0-9]{1,15}):(?P<hash>[0-9a-f]{64})")
_KEY = re.compile(r"[0-9a-f]{64}")
NONE = "checkpoints: none. A cut tail, an old backup or a rewrite of the whole log cannot be seen."


def add_verify_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--expect",
        action="append",
        default=[],
        metavar="TENANT=N:HASH",
        help="a head kept from an earlier run",
    )
    parser.add_argument("--database", type=Path, help="of a copy (default: that of the settings)")
    parser.add_argument("--checkpoints", type=Path, help="signed heads (default: as in the settings)")
    parser.add_argument(
        "--public-key",
        default="",
        help="the first one, in hex, or its file (default: .pub of the checkpoints)",
    )


def verify_log(settings: Settings, chosen: argparse.Namespace) -> bool:
    """Print what every chain is worth.

    :return: whether all is well
    :raises IronclawError: there is nothing to verify, or not with these words
    """
    expected = [_expected(text) for text in chosen.expect]
    file = chosen.checkpoints or settings.checkpoint_file
    kept = read(file, _public_key(chosen.public_key, file)) if file.exists() else None
    if chosen.checkpoints and kept is None:
        raise StoreError(f"{file.name}: there is no such file of checkpoints.")
    chains = verify(
        chosen.database or settings.data_dir / "ironclaw.db",
        [*expected, *(kept.checkpoints if kept else ())],
        "" if chosen.database else settings.postgres,
    )
    print("\n".join([*_lines(chains), *map(_restore, kept.restores if kept else ()), _line_of(kept)]))
    return not (any(chain.fault for chain in chains) or (kept and kept.fault))


def rotate(settings: Settings) -> None:
    """Have a new key sign from now on.

    :raises IronclawError: the file or the key cannot be used
    """
    key = Checkpoints(settings.checkpoint_file, settings.key_file).rotate(time.time())
    print(f"Checkpoints are signed by {key} from now on; the old key has signed that, and is gone.")


def _expected(text: str) -> Checkpoint:
    found = _EXPECTED.fullmatch(text)
    if not found:
        raise BadRequest(f"--expect {text[:100]}: write TENANT=N:HASH, as `ironclaw audit verify` prints it.")
    return Checkpoint(Head(found["tenant"], int(found["n"]), found["hash"]))


def _public_key(given: str, checkpoints: Path) -> str:
    if _KEY.fullmatch(given):
        return given
    file = Path(given) if given else checkpoints.with_suffix(".pub")
    try:
        key = file.read_text().strip()
    except (OSError, UnicodeDecodeError):
        key = ""
    if not _KEY.fullmatch(key):
        raise StoreError(f"{file.name}: there is no public key in it. Name it with --public-key.")
    return key


def _lines(chains: Iterable[Chain]) -> Iterable[str]:
    for chain in chains:
        verdict = f"BROKEN: {chain.fault}" if chain.fault else "intact"
        note = f"  (clock set back {chain.set_back} times)" if chain.set_back else ""
        tenant = ascii(chain.tenant or "(all)")[1:-1]  # Out of a database that may be anybody's.
        note += f"  ({chain.forgotten} forgotten)" if chain.forgotten else ""
        head = f"{tenant}={chain.events}:{chain.head}"
        yield f"{tenant:<16} {chain.events:>8} events  {verdict}{note}  head {head}"
    if not chains:
        yield "The audit log is empty."


def _restore(restore: Restore) -> str:
    lost = ", ".join(f"{ascii(tenant)[1:-1]} {n + 1} to {last}" for tenant, n, last in restore.undone)
    gone = f"; not in it: events {lost}" if lost else ""
    return f"restored {_when(restore.at)} from a backup of {_when(restore.backup_at)}{gone}"


def _when(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _line_of(kept: Kept | None) -> str:
    if kept is None:
        return NONE
    if kept.fault:
        return f"checkpoints: BROKEN: {kept.fault}"
    newest = max((each.at for each in kept.checkpoints), default=0.0)
    until = f", the newest of {_when(newest)}" if newest else ""
    return f"checkpoints: {len(kept.checkpoints)} good{until}; signed by {kept.key}"
