"""Everything that must not be lost, in SQLite.  Only this package names a query.

``database`` opens it.  Its parts, each method one transaction: ``workflows``, ``calls``, ``approvals``,
``outbox``, ``secrets`` and ``toolboxes``; made of ``transitions``, noted in the audit ``chain``.  Beneath
them: ``rows`` (SQL by name), ``model`` and ``writer``.
"""

from ironclaw.store.chain import FIRST_LINK, Head, link
from ironclaw.store.database import Store
from ironclaw.store.judged import JudgedCall, judged_calls
from ironclaw.store.model import CallRow, Edited, Flow, GrantUse, Judged, SealedGrant, Signed, Spent
from ironclaw.store.secrets import SecretRow, kept_in
from ironclaw.store.sqlite import is_in_use, reading

__all__ = [
    "FIRST_LINK",
    "CallRow",
    "Edited",
    "Flow",
    "GrantUse",
    "Head",
    "Judged",
    "JudgedCall",
    "SealedGrant",
    "SecretRow",
    "Signed",
    "Spent",
    "Store",
    "is_in_use",
    "judged_calls",
    "kept_in",
    "link",
    "reading",
]
