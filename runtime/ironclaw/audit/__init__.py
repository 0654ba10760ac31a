"""The audit log from outside: walk its chains, and hold them against heads that were kept elsewhere."""

from ironclaw.audit.chains import Chain, events, verify
from ironclaw.audit.checkpoints import Checkpoint, Checkpoints, Kept, read
from ironclaw.audit.keeping import keep_checkpoints

__all__ = ["Chain", "Checkpoint", "Checkpoints", "Kept", "events", "keep_checkpoints", "read", "verify"]
