"""The only door to the network: an address is read strictly, held against rules, resolved once and pinned.

Nothing that a rule does not cover causes a DNS query or a connection.
"""

from ironclaw.egress.client import Egress
from ironclaw.egress.credentials import bind
from ironclaw.egress.hops import UNKNOWN_SECRET
from ironclaw.egress.rules import allows_localhost, effective_rules

__all__ = ["UNKNOWN_SECRET", "Egress", "allows_localhost", "bind", "effective_rules"]
