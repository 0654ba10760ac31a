"""Links to the pages on which one person says one thing of one call with a second factor."""

from __future__ import annotations

import base64
import hmac
import json
from dataclasses import dataclass

from ironclaw.canonical import Json, canonical, mac, subkey
from ironclaw.errors import NotFound
from ironclaw.task import ApprovalView, DoubtView, Said

GOOD_FOR = 600.0  #: Seconds that a link is good for.
NO_PAGE = "This page is not there any more. Press the button on the card again."


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
        self.words = WordLinks(key)

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
        return _sealed(self._key, bound)

    def read(self, token: str, now: float) -> StepUp:
        """
        :raises NotFound: we did not make it, or its time is over
        """
        return StepUp(*_opened(self._key, token, now))


@dataclass(frozen=True, slots=True)
class WordLink:
    """What a link says of a doubt: for whom it was made, and for which word."""

    tenant: str
    principal: str
    doubt_id: str
    said: str  #: A Said's value.
    action_sha256: str
    attempt: int
    expires_at: float


class WordLinks:
    """The same for whether a call ran."""

    def __init__(self, key: bytes) -> None:
        self._key = subkey(key, "step-up doubt")

    def make(self, doubt: DoubtView, principal_id: str, said: Said, now: float) -> str:
        """A token for one person and exactly this word about this attempt, for ten minutes."""
        bound = [doubt.tenant, principal_id, doubt.id, said.value, doubt.action_sha256, doubt.attempt]
        return _sealed(self._key, [*bound, round(now + GOOD_FOR)])

    def read(self, token: str, now: float) -> WordLink:
        """
        :raises NotFound: we did not make it, or its time is over
        """
        return WordLink(*_opened(self._key, token, now))


def _sealed(key: bytes, bound: list[Json]) -> str:
    body = base64.urlsafe_b64encode(canonical(bound)).decode().rstrip("=")
    return f"{body}.{mac(key, bound)}"


def _opened(key: bytes, token: str, now: float) -> list[Json]:
    """What was sealed; the last of it says until when it is good.

    :raises NotFound: it was not, or its time is over
    """
    body, _, seal = token.partition(".")
    try:
        bound: list[Json] = json.loads(
            base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
        )
        genuine = hmac.compare_digest(seal.encode(), mac(key, bound).encode())
    except (ValueError, RecursionError):
        raise NotFound(NO_PAGE) from None
    if not genuine or bound[-1] < now:
        raise NotFound(NO_PAGE)
    return bound
