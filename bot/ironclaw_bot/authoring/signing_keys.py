"""A publisher's signing key: one PEM file that only its owner can read."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from ironclaw.errors import ToolboxError

MAX_BYTES = 4096


def make_signing_key(path: Path) -> Ed25519PrivateKey:
    """A new key in a new file.

    :raises ToolboxError: there is a file already, or it cannot be written
    """
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise ToolboxError(f"{path}: no key was made: {error.strerror}") from None
    return key


def load_signing_key(path: Path) -> Ed25519PrivateKey:
    """
    :raises ToolboxError: it cannot be read, others can read it, or it holds something else
    """
    try:
        with open(path, "rb", opener=_open_no_link) as file:
            mode, pem = os.fstat(file.fileno()).st_mode, file.read(MAX_BYTES)
        if mode & 0o077:
            raise ToolboxError(f"{path}: others can read this key; run chmod 600 on it")
        key = load_pem_private_key(pem, password=None)
    except OSError as error:
        raise ToolboxError(f"{path}: the key cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise ToolboxError(f"{path}: not a signing key; ironclaw tool keygen FILE makes one")
    return key


def _open_no_link(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
