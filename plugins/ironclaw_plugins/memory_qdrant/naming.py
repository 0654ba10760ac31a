"""Names: of an index's version, of the place it is at, of a memory's point in it."""

from __future__ import annotations

import hashlib
import re
import uuid

#: Everything that the numbers of a text depend on: language, tokenizer, mean length, the encoder's make.
#: A test holds the encoder to it: where the test fails, this must change, and all is indexed anew.
LEXICAL = "bm25-english-multilingual-20-v1"
TENANT = re.compile(r"[A-Za-z0-9_-]{1,64}")
_POINTS = uuid.UUID("0b9a53f4-5a2e-5d3c-9a0f-6c1c3f7a9d10")


def index_name(model: str, dimensions: int) -> str:
    """Names a folder or a collection: what has another name is not mixed with it.

    :param model: "" where texts are found by their words alone
    """
    if not model:
        return LEXICAL
    short = re.sub(r"[^a-z0-9]+", "-", model.lower()).strip("-")[:40]
    return f"{LEXICAL}_{short}-{dimensions}-{_digest(model)}"


def place_of(url: str, name: str) -> str:
    """The version that rows remember: what was indexed elsewhere is not here.

    :param url: the server's; "" for files of this process
    """
    return f"qdrant-{_digest(url.rstrip('/'))}:{name}" if url else f"edge:{name}"


def checked(tenant: str) -> str:
    """The tenant's id, which may name a folder.

    :raises ValueError: it names nobody
    """
    if not TENANT.fullmatch(tenant):
        raise ValueError("Memories belong to a tenant, and none is named.")
    return tenant


def point_id(tenant: str, memory: str) -> str:
    """The same one for the same memory; never the same for two tenants."""
    return str(uuid.uuid5(uuid.uuid5(_POINTS, checked(tenant)), memory))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
