"""Links to the page on which one person approves one version of one call with a second factor."""

from __future__ import annotations

import base64
import hmac
import json
from dataclasses import dataclass

from ironclaw.canonical import Json, canonical, mac, subkey
from ironclaw.errors import NotFound
from ironclaw.task import ApprovalView

GOOD_FOR = 600.0  #: Seconds that a link is good for.
NO_PAGE = "This page is not there any more. Press Approve on the card again."


@dataclass(frozen=True, slots=True)
class StepUp:
    """What a link says: for whom and for what it was made."""

    tenant: str
    principal: str
    approval_id: str
    version: int
    action_sha256: str
    expires_at: float


class Links:
    """Makes the links' tokens, and reads them back."""

    def __init__(self, key: bytes) -> None:
        self._key = subkey(key, "step-up")

    def make(self, approval: ApprovalView, principal_id: str, now: float) -> str:
        """A token for one person and exactly this call, for ten minutes."""
        bound: list[Json] = [
            approval.tenant,
            principal_id,
            approval.id,
            approval.version,
            approval.action_sha256,
            round(now + GOOD_FOR),
        ]
        body = base64.urlsafe_b64encode(canonical(bound)).decode().rstrip("=")
        return f"{body}.{mac(self._key, bound)}"

    def read(self, token: str, now: float) -> StepUp:
        """
        :raises NotFound: we did not make it, or its time is over
        """
        body, _, seal = token.partition(".")
        try:
            bound = json.loads(base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True))
            genuine = hmac.compare_digest(seal.encode(), mac(self._key, bound).encode())
        except (ValueError, RecursionError):
            raise NotFound(NO_PAGE) from None
        if not genuine or bound[5] < now:
            raise NotFound(NO_PAGE)
        return StepUp(*bound)
