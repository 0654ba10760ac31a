"""One strict reading of an address.  Parsers disagree about URLs: accepted is what all of them read alike."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from yarl import URL

from ironclaw.errors import EgressDenied

MAX_URL = 4096  #: Characters.
DEFAULT_PORTS = {"https": 443, "http": 80}

# re.ASCII: without it, letters such as the long s match [a-z] when case is ignored.
_FLAGS = re.ASCII | re.IGNORECASE
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# The last label begins with a letter, so that no reader takes the host for a number.
_HOST = rf"(?:{_LABEL}\.)*[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?"
_PATH = r"(?:/(?:[a-z0-9._~!$&'()*+,=:@-]|%[0-9a-f]{2})*)*"
_QUERY = r"(?:[a-z0-9._~!$&'()*+,;=:@/?\[\]-]|%[0-9a-f]{2})*"
_URL = re.compile(
    rf"(?P<scheme>https?)://(?P<host>{_HOST})(?::(?P<port>[1-9][0-9]{{0,4}}))?"
    rf"(?P<path>{_PATH})(?:\?(?P<query>{_QUERY}))?(?:#{_QUERY})?",
    _FLAGS,
)
_HOST_ONLY = re.compile(_HOST, _FLAGS)
_ESCAPE = re.compile(r"%[0-9a-f]{2}", _FLAGS)
#: Escaped, these mean something else to whoever unescapes twice; plain letters need no escape.
_NEVER_ESCAPED = re.compile(rb"[\x00-\x1f\x7fA-Za-z0-9._~/\\%;-]")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes, in parts; :meth:`url` puts them together anew."""

    scheme: str
    host: str  #: Lower case.
    port: int
    path: str  #: Canonical: begins with /, no empty part but the last, no dots, no needless escape.
    query: str = ""

    @property
    def origin(self) -> tuple[str, str, int]:
        return (self.scheme, self.host, self.port)

    def url(self) -> URL:
        """The rebuilt address.

        :raises EgressDenied: the library reads another host or port than we do
        """
        ours = (self.host, self.port, self.path, self.query)
        url = URL.build(
            scheme=self.scheme,
            host=self.host,
            port=self.port,
            path=self.path,
            query_string=self.query,
            encoded=True,
        )
        if (url.raw_host, url.port, url.raw_path, url.raw_query_string) != ours:
            raise EgressDenied("The address is read in two ways.")
        return url


def is_host_name(text: str) -> bool:
    """Whether the text is a host name that every reader takes for one."""
    return len(text) <= 253 and _HOST_ONLY.fullmatch(text) is not None


def parse_url(text: str) -> Target:
    """The parts of an address.

    :raises EgressDenied: it is not of the one form that is accepted; the message does not repeat it
    """
    match = _URL.fullmatch(text) if len(text) <= MAX_URL else None
    if match is None or not is_host_name(match["host"]):
        raise EgressDenied(
            "The address must be https://host/path in plain ASCII, other characters as %XX, "
            "with no user and no number as host."
        )
    scheme = match["scheme"].lower()
    port = int(match["port"] or DEFAULT_PORTS[scheme])
    if port > 65535:
        raise EgressDenied("The address has a port above 65535.")
    return Target(
        scheme, match["host"].lower(), port, _canonical_path(match["path"] or "/"), match["query"] or ""
    )


def _canonical_path(path: str) -> str:
    """The path, if it is the only spelling of itself."""
    parts = path.split("/")[1:]
    if any(part in (".", "..") for part in parts) or "" in parts[:-1]:
        raise EgressDenied("The path of the address must not hold //, /./ or /../.")
    if any(_NEVER_ESCAPED.match(unquote_to_bytes(escape)) for escape in _ESCAPE.findall(path)):
        raise EgressDenied("The path of the address escapes a character that must not be escaped.")
    return path


def redirect_target(current: Target, location: str) -> Target:
    """Where a Location header leads: a whole address, or a path on the same host.

    :raises EgressDenied: it is neither
    """
    if not location.startswith("/"):
        return parse_url(location)
    scheme, host, port = current.origin
    return parse_url(f"{scheme}://{host}:{port}{location}")
