"""Puts a secret into a request, where its binding covers that request, and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from multidict import CIMultiDict

from ironclaw.binding import Binding, Injection
from ironclaw.capabilities import HttpRule
from ironclaw.egress import headers, rules
from ironclaw.egress.urls import Target, parse_url
from ironclaw.errors import BadRequest, EgressDenied

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
#: Headers that are the host's own or the connection's: no secret goes there.
RESERVED = headers.REQUEST | {
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "expect",
    "host",
    "idempotency-key",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
}
_HEADER = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}", re.ASCII)
_PREFIX = re.compile(r"[\x21-\x7e][\x20-\x7e]{0,63}|", re.ASCII)


def bind(host: str, methods: Iterable[str], path: str, header: str, prefix: str) -> Binding:
    """A binding in its one form.

    :raises BadRequest: a word of it is wrong; names the field
    """
    rule = rules.host_rule(host)
    if rule is None or rule.host.startswith("*."):
        raise BadRequest(
            f"--host {host[:100]!r} is no host. Write api.example.com, or "
            "api.example.com:8443, or http://localhost:9999 for development."
        )
    chosen = tuple(sorted(set(methods)))
    if not chosen or not METHODS.issuperset(chosen):
        raise BadRequest(f"--method must be one of {', '.join(sorted(METHODS))}.")
    if not _is_prefix(path):
        raise BadRequest(f"--path {path[:100]!r} is no path. Write /v1 for /v1 and all below it.")
    if not _HEADER.fullmatch(header) or header.lower() in RESERVED or header.lower().startswith("proxy-"):
        raise BadRequest(f"--header {header[:100]!r} cannot carry a secret.")
    if not _PREFIX.fullmatch(prefix):
        raise BadRequest("--prefix must be plain ASCII, at most 64 characters.")
    return Binding(_host_text(rule), chosen, path, header, prefix)


def _is_prefix(path: str) -> bool:
    try:
        target = parse_url(f"https://localhost{path}")
    except EgressDenied:
        return False
    return target.path == path and not target.query


def _host_text(rule: HttpRule) -> str:
    (scheme,), (port,) = rule.schemes, rule.ports
    if scheme == "http":
        return f"http://{rule.host}:{port}"
    return rule.host if port == 443 else f"{rule.host}:{port}"


def covers(binding: Binding, method: str, target: Target) -> bool:
    """Whether a request is one that the binding is for."""
    of_host = rules.host_rule(binding.host)
    if of_host is None:
        return False
    rule = replace(of_host, methods=frozenset(binding.methods), path_prefixes=(binding.path,))
    try:
        rules.check((rule,), method, target)
    except EgressDenied:
        return False
    return True


def check(injection: Injection, method: str, target: Target, sent: CIMultiDict[str]) -> None:
    """Pass if the secret may go into this request.

    :param sent: the headers that the request has without it
    :raises EgressDenied: the binding is for another request, or the tool has set the secret's header
    """
    if injection.binding.header in sent:
        raise EgressDenied(f"The header {injection.binding.header} is the secret's: a tool cannot set it.")
    if not covers(injection.binding, method, target):
        raise EgressDenied(f"The secret {injection.name} is not for this host, method and path.")


def led_on(injection: Injection | None, method: str, target: Target) -> Injection | None:
    """What goes along where an answer leads: the secret, while the binding covers each place on the way."""
    return injection if injection and covers(injection.binding, method, target) else None


def carried(sent: CIMultiDict[str], injection: Injection | None) -> CIMultiDict[str]:
    """The headers of one hop, with its secret."""
    hop = sent.copy()
    if injection:
        hop[injection.binding.header] = injection.binding.prefix + injection.value
    return hop
