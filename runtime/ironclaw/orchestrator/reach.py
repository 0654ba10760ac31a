"""Whether a call can get where it says it goes: found out before anybody is asked to approve it."""

from __future__ import annotations

import json

from ironclaw.capabilities import TENANT_ALLOWLIST, HttpRule
from ironclaw.egress.rules import covers_host, effective_rules
from ironclaw.egress.urls import Target, parse_url
from ironclaw.errors import EgressDenied
from ironclaw.task import Opinion, ToolCall, Verdict

REMEDY = "The operator adds hosts with IRONCLAW_HTTP_ALLOW."


def beyond_reach(call: ToolCall, allowlist: tuple[str, ...]) -> Opinion | None:
    """A denial where a tool asks hosts of the operator's list, and that list lacks the one the call names.

    Such a tool names its host in the argument ``url``.  Passing here allows nothing: egress still checks each
    request by itself.

    :param allowlist: the tenant's, as :func:`ironclaw.egress.effective_rules` takes it
    :return: None when nothing speaks against it yet
    """
    if all(rule.host != TENANT_ALLOWLIST for rule in call.capabilities.http):
        return None
    rules = effective_rules(call.capabilities.http, allowlist)
    url = json.loads(call.args).get("url")
    why = _why_not(url, rules) if isinstance(url, str) else ""
    if not why and not rules:
        why = f"No host is on the allowlist, so nothing was sent. {REMEDY}"
    return Opinion(Verdict.DENY, "not-on-allowlist", why) if why else None


def _why_not(url: str, rules: tuple[HttpRule, ...]) -> str:
    """Why no rule covers the address's host; never the path or query."""
    try:
        target = parse_url(url)
    except EgressDenied as error:
        return f"{error} Nothing was sent."
    if any(covers_host(rule, target) for rule in rules):
        return ""
    return f"{_named(target)} is not on the allowlist, so nothing was sent. {REMEDY}"


def _named(target: Target) -> str:
    scheme = "" if target.scheme == "https" else f"{target.scheme}://"
    port = "" if target.port == 443 else f":{target.port}"
    return f"{scheme}{target.host}{port}"
