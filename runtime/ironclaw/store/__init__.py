"""Everything that must not be lost, in SQLite or PostgreSQL.  Only this package names a query.

``database`` opens it.  Its parts, each method one transaction: ``workflows``, ``leases``, ``calls``,
``approvals``, ``outbox``, ``secrets``, ``toolboxes`` and more; made of ``accepting``, ``moves``,
``transitions`` and ``telling``, noted in the audit ``chain``.  Beneath them: ``rows`` and ``flows`` (what SQL
by name means), ``model``, ``units``, and who runs those: ``sqlite``, in ``batches`` and watched by
``guarding``, and ``postgres``.
"""

from ironclaw.store.belongings import FOLDER, KEY, belongings_in, own_folder
from ironclaw.store.chain import FIRST_LINK, Head, commitment, link
from ironclaw.store.database import Store
from ironclaw.store.doubt_rows import Sworn
from ironclaw.store.judged import JudgedCall, judged_calls
from ironclaw.store.locking import is_in_use, owning
from ironclaw.store.looking import answers, is_there, look, postgres, reading
from ironclaw.store.mcp_tools import McpListing, listings_in
from ironclaw.store.model import CallRow, Edited, Flow, GrantUse, Judged, Past, SealedGrant, Signed, Spent
from ironclaw.store.moving import check_audit, check_empty, fill, instance_of, is_moved, stand_in
from ironclaw.store.question_moves import Asked
from ironclaw.store.restoring import Restored, backing_up, changing, moment, renew, take
from ironclaw.store.secrets import SecretRow, kept_in
from ironclaw.store.standing import Standing
from ironclaw.store.summaries import Summary

__all__ = [
    "FIRST_LINK",
    "FOLDER",
    "KEY",
    "Asked",
    "CallRow",
    "Edited",
    "Flow",
    "GrantUse",
    "Head",
    "Judged",
    "JudgedCall",
    "McpListing",
    "Past",
    "Restored",
    "SealedGrant",
    "SecretRow",
    "Signed",
    "Spent",
    "Standing",
    "Store",
    "Summary",
    "Sworn",
    "answers",
    "backing_up",
    "belongings_in",
    "changing",
    "check_audit",
    "check_empty",
    "commitment",
    "fill",
    "instance_of",
    "is_in_use",
    "is_moved",
    "is_there",
    "judged_calls",
    "kept_in",
    "link",
    "listings_in",
    "look",
    "moment",
    "own_folder",
    "owning",
    "postgres",
    "reading",
    "renew",
    "stand_in",
    "take",
]
