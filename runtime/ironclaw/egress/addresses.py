"""Which addresses may be connected to: public ones that carry no other address within."""

from __future__ import annotations

import ipaddress

_V6_UNICAST = ipaddress.ip_network("2000::/3")
#: What ipaddress calls global in one Python version or another, and what must not be reached all the same.
_REFUSED = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT; some clouds' metadata
        "168.63.129.16/32",  # Azure's host agent
        "192.0.0.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "198.18.0.0/15",
        "224.0.0.0/3",  # multicast and reserved
        "2001::/23",  # Teredo, ORCHID and other special uses
        "2001:db8::/32",
        "2002::/16",  # 6to4 carries an IPv4 address
        "3fff::/20",
    )
)


def is_public(address: str) -> bool:
    """Whether a numeric address is one of the public internet and of nothing else."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address) and (ip.scope_id or ip not in _V6_UNICAST):
        return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved and not _is_listed(ip)


def _is_listed(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return any(ip in network for network in _REFUSED if network.version == ip.version)


def is_loopback(address: str) -> bool:
    """Whether a numeric address is 127.0.0.0/8 or ::1."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
