"""Who acts, and what shows it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class TenantState(Enum):
    """Whether a tenant is served."""

    ACTIVE = "active"  #: Whatever its settings allow is done.
    SUSPENDED = "suspended"  #: Nothing is done, nothing is lost: the operator resumes it.
    FORGETTING = "forgetting"  #: What it has is being removed; to the doors there is no such tenant.
    FORGOTTEN = "forgotten"  #: Nothing of it is left; to the doors there is no such tenant.

    @property
    def is_gone(self) -> bool:
        return self in (TenantState.FORGETTING, TenantState.FORGOTTEN)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who acts, as a door has verified it.  Never built from a payload's own claims."""

    tenant: str
    id: str  #: ``slack:team_id:user_id``, ``jwt:iss|sub`` or ``local:name``.
    roles: frozenset[str] = frozenset()  #: "approver" and "group:NAME", by the operator's settings.

    @property
    def is_approver(self) -> bool:
        """Whether there is anything that they could approve."""
        return bool(self.roles)


@dataclass(frozen=True, slots=True)
class Bearer:
    """A credential: a JWT as it came."""

    token: str
    single_use: bool = True  #: Whether this request uses the token up: whatever changes something does.


@dataclass(frozen=True, slots=True)
class SlackIdentity:
    """A credential: who a verified Slack payload says acted.  Only the Slack edge builds it."""

    team_id: str  #: The workspace the app is installed in, from the envelope.
    user_id: str
    user_team_id: str = ""  #: The person's home team where the payload names it (Slack Connect).
    enterprise_id: str = ""


Credential = Bearer | SlackIdentity
