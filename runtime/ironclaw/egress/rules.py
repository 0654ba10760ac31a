"""Whether a rule covers a request, and what the operator's list makes of ``@allowlist``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ironclaw.capabilities import TENANT_ALLOWLIST, HttpRule
from ironclaw.egress.urls import Target, parse_url
from ironclaw.errors import EgressDenied, SettingsError

LOCALHOST = "localhost"


def effective_rules(
    rules: tuple[HttpRule, ...], allowlist: tuple[str, ...], only: str = ""
) -> tuple[HttpRule, ...]:
    """The rules with ``@allowlist`` replaced by one rule for each host that the operator allows.

    :param allowlist: such as ``api.example.com``, ``api.example.com:8443``, ``*.example.com`` (exactly one
        more label) and, for development, ``http://localhost:9999``
    :param only: of these hosts just this one; "" for all of them
    :raises SettingsError: an entry is none of these
    """
    allowed = [_allowed(entry) for entry in allowlist]
    if only:
        allowed = [replace(each, host=only) for each in allowed if _covers_name(each, only)]
    return tuple(each for rule in rules for each in (_for_hosts(rule, allowed)))


def allows_localhost(allowlist: Iterable[str]) -> bool:
    """Whether the operator lists ``http://localhost:...``."""
    return any(_allowed(entry).host == LOCALHOST for entry in allowlist)


def _for_hosts(rule: HttpRule, allowed: Iterable[HttpRule]) -> Iterable[HttpRule]:
    if rule.host != TENANT_ALLOWLIST:
        return (rule,)
    return (replace(rule, host=each.host, schemes=each.schemes, ports=each.ports) for each in allowed)


def _allowed(entry: str) -> HttpRule:
    """One entry of the operator's list as a rule of which host, scheme and port count."""
    rule = host_rule(entry)
    if rule is None:
        raise SettingsError(
            f"http_allow: {entry!r} is no host. Write api.example.com, api.example.com:8443, *.example.com, "
            "or http://localhost:9999 for development."
        )
    return rule


def host_rule(entry: str) -> HttpRule | None:
    """The rule of a host as an operator writes it, or None where it is none."""
    wildcard, name = ("*.", entry[2:]) if entry.startswith("*.") else ("", entry)
    target = _parsed(name if "://" in name else f"https://{name}")
    if (
        target is None
        or (target.scheme == "http") != (target.host == LOCALHOST)
        or not _is_bare(target, wildcard)
    ):
        return None
    return HttpRule(
        wildcard + target.host, schemes=frozenset({target.scheme}), ports=frozenset({target.port})
    )


def _parsed(url: str) -> Target | None:
    try:
        return parse_url(url)
    except EgressDenied:
        return None


def _is_bare(target: Target, wildcard: str) -> bool:
    """Nothing but a host; and a wildcard stands before at least two labels."""
    return target.path == "/" and not target.query and (not wildcard or "." in target.host)


def check(rules: Iterable[HttpRule], method: str, target: Target) -> None:
    """Pass if one rule covers method and target wholly.

    :raises EgressDenied: says what no rule covers; never the query
    """
    of_host = [rule for rule in rules if covers_host(rule, target)]
    if not of_host:
        port = "" if target.port == 443 else f":{target.port}"
        raise EgressDenied(f"The host {target.scheme}://{target.host}{port} is not on the allowlist.")
    of_method = [rule for rule in of_host if method in rule.methods]
    if not of_method:
        raise EgressDenied(f"{method} is not allowed for {target.host}.")
    if not any(_covers_path_of(rule, target) for rule in of_method):
        raise EgressDenied(f"This path of {target.host} is not allowed for {method}.")


def covers_host(rule: HttpRule, target: Target) -> bool:
    """Whether scheme, host and port are the rule's: exactly, or one label under its wildcard."""
    if target.scheme not in rule.schemes or target.port not in rule.ports:
        return False
    return _covers_name(rule, target.host)


def _covers_name(rule: HttpRule, host: str) -> bool:
    if not rule.host.startswith("*."):
        return rule.host == host
    label, _, parent = host.partition(".")
    # An encoded label may look like anything to a person, so it must be listed by name.
    return parent == rule.host[2:] and not label.startswith("xn--")


def _covers_path_of(rule: HttpRule, target: Target) -> bool:
    if rule.is_exact:
        return target.path in rule.path_prefixes
    return any(covers_path(prefix, target.path) for prefix in rule.path_prefixes)


def covers_path(prefix: str, path: str) -> bool:
    """Whether a canonical path is the prefix or lies under it; /v1 covers /v1 and /v1/x, never /v10.

    A part of the prefix that is ``*`` covers exactly one part of the path: /repos/*/*/issues.
    """
    wanted, given = prefix.removesuffix("/").split("/"), path.split("/")
    least = len(wanted) + prefix.endswith("/")
    return len(given) >= least and all(map(_covers_part, wanted, given))


def _covers_part(wanted: str, given: str) -> bool:
    return bool(given) if wanted == "*" else wanted == given
