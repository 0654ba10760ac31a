"""Who is a tenant, by the operator's settings and by nothing else.

``known`` is who there is, ``people`` who is who, ``limits`` what a tenant may use and touch.
"""

from ironclaw.tenancy.limits import Limited
from ironclaw.tenancy.people import People

__all__ = ["Tenancy"]


class Tenancy(People, Limited):
    """The tenants of this host, and which Slack workspace is whose."""
