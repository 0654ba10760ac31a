"""Who calls at the local door, for which tenant, and where it is."""

from __future__ import annotations

import pwd
from collections.abc import Iterable

from ironclaw import errors

SOCKET = "control.sock"  #: In data_dir, which only its owner can enter.
LOCAL_TENANT = "local"


def chosen_tenant(name: str, known: Iterable[str]) -> str:
    """The tenant of this name, or the only one where none is named.

    :raises NotFound: there is no such tenant, or nobody can tell which
    """
    there = sorted(known)
    if not name and len(there) == 1:
        return there[0]
    if name not in there:
        raise errors.NotFound(f"Name a tenant with --tenant. There are: {', '.join(there) or 'none'}.")
    return name


def login_name(uid: int) -> str:
    """What the operating system calls a user, whatever the environment says; a nameless one by number."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
