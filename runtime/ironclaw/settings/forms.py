"""The forms that words of the settings must have: names of people, of keys and of groups."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Annotated, Any

from pydantic import Field

#: Tenant ids name folders and appear in logs and commands: plain ASCII, no dot, no slash, no dash in front.
TENANT_ID = r"^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$"
TenantId = Annotated[str, Field(pattern=TENANT_ID)]
#: Tenants that no table names: the bot's own Slack workspace, and the command line's where there is no other.
UNLISTED = re.compile(r"[TE][A-Z0-9]+|local")
Words = tuple[str, ...]
LOCAL = "local:"
#: A person as they are named in every door.
PERSON = re.compile(r"slack:[TE][A-Z0-9_]*:[UW][A-Z0-9_]+|jwt:[^|]+\|.+|local:.+")
PUBLIC_KEY = re.compile(r"[0-9a-f]{64}")
SIGNER = re.compile(r"([a-z][a-z0-9_]{0,31}:)?[0-9a-f]{64}")
MEMBER = re.compile(r"[UW][A-Z0-9_]+")  #: A Slack user id; whose workspace's is clear without it.
SLACK_GROUP = re.compile(r"@S[A-Z0-9]+")  #: A Slack user group: its members, as Slack says.
#: A host, or any one label before it; the last one is no number.
LINK_HOST = re.compile(r"(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]


def check_people(names: Words, is_member: Callable[[str], object] = lambda name: None) -> Words:
    """
    :raises ValueError: a name that no door ever gives to anybody
    """
    for name in names:
        if not PERSON.fullmatch(name) and not is_member(name):
            raise ValueError(
                f"{name!r} names nobody who could approve. Write slack:TEAM:USER, jwt:ISSUER|SUBJECT or "
                "local:NAME; outside of [tenants] also a Slack user id (U...)."
            )
    return names


def check_link_hosts(hosts: Words) -> Words:
    """
    :raises ValueError: what is no host name in lower case, nor ``*.`` before one
    """
    for host in hosts:
        if not LINK_HOST.fullmatch(host):
            raise ValueError(f"{host!r} is no host. Write example.com or *.example.com, in lower case.")
    return hosts


def is_blank(value: Any) -> bool:
    return isinstance(value, str) and not value.strip()


def twin_of(names: Iterable[str], name: str = "") -> str:
    """One of the names that only case tells from another, or from ``name``; "" for none."""
    seen = {name.casefold(): name} if name else {}
    for each in names:
        if seen.setdefault(each.casefold(), each) != each:
            return each
    return ""
