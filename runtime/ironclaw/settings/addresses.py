"""Whether the address of a server in the settings is one, and what may be sent there."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from ironclaw.errors import SettingsError


def check_address(setting: str, url: str, *, has_key: bool) -> None:
    """
    :param setting: what to name, for the address itself may hold a password
    :raises SettingsError: no address of a server, one that says too much, or a key that all on the way see
    """
    parts = _parts(url)
    if parts is None or "@" in parts.netloc or parts.query or parts.fragment:
        raise SettingsError(
            f"{setting}: write http://HOST:PORT or https://HOST, any path, without user, password, ? and #."
        )
    if has_key and is_in_the_clear(url):
        raise SettingsError(f"{setting}: a key does not go to another host over plain http; use https.")


def is_in_the_clear(url: str) -> bool:
    """Whether everybody on the way can read what is sent there, and change what comes back."""
    parts = _parts(url)
    return parts is not None and parts.scheme == "http" and not _is_loopback(parts.hostname or "")


def _parts(url: str) -> SplitResult | None:
    """None for what is no address of a web server."""
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if is_address and url.isprintable() and not any(map(str.isspace, url)) else None


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
