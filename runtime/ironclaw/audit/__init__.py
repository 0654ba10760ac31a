"""The audit log from outside: walk its chains, and hold them against heads that were kept elsewhere."""

from ironclaw.audit.chains import Chain, events, verify
from ironclaw.audit.checkpoints import Checkpoints
from ironclaw.audit.keeping import keep_checkpoints
from ironclaw.audit.kept import Checkpoint, Kept, Restore, read

__all__ = [
    "Chain",
    "Checkpoint",
    "Checkpoints",
    "Kept",
    "Restore",
    "events",
    "keep_checkpoints",
    "read",
    "verify",
]
