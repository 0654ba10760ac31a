"""Compiled code on disk under a MAC, and in memory under a seal.

A compiled component is native code: whoever can change the file runs as the worker.  So each file is
verified with a key from outside its folder, and what was verified, not the file, is what workers map.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import platform
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from ironclaw.errors import SandboxError
from ironclaw.sandbox.model import Component

MOST = 1 << 30  #: Bytes of one compiled component.
ENGINE_SETTINGS = 1  #: Raise it when engine.make_engine changes: compiled code belongs to its settings.

_MARK = b"ironclaw code 1\n"
_MAC = hashlib.sha256().digest_size


class CodeCache:
    """A folder of compiled components, private to this user."""

    def __init__(self, folder: Path, key: bytes) -> None:
        """:raises SandboxError: a short key, or a folder that others can write to"""
        if len(key) < 16:
            raise SandboxError("The key of the code cache is shorter than 16 bytes.")
        self._folder, self._key = folder, key
        _make_private(folder)

    def load(self, component: Component) -> bytes | None:
        """The component's compiled code; None where there is none or where it is not ours."""
        try:
            fd = os.open(self._path(component), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return None
        with os.fdopen(fd, "rb") as file:
            mark, mac = file.read(len(_MARK)), file.read(_MAC)
            code = file.read(MOST)
        genuine = mark == _MARK and hmac.compare_digest(mac, self._mac(component, code))
        return code if genuine else None

    def save(self, component: Component, code: bytes) -> None:
        fd, name = tempfile.mkstemp(dir=self._folder, prefix=".new-")
        try:
            with os.fdopen(fd, "wb") as file:
                file.writelines((_MARK, self._mac(component, code), code))
            os.replace(name, self._path(component))
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise

    def _path(self, component: Component) -> Path:
        return self._folder / f"{component.sha256}.{component.profile.value}.{_engine_tag()}.cwasm"

    def _mac(self, component: Component, code: bytes) -> bytes:
        """Over the code and whose it is, so that one file cannot stand in for another."""
        mac = hmac.new(self._key, digestmod=hashlib.sha256)
        mac.update(f"{component.sha256}\0{component.profile.value}\0{_engine_tag()}\0".encode())
        mac.update(code)
        return mac.digest()


def sealed_memory(code: bytes) -> int:
    """A file descriptor with these bytes that nobody can change any more; the caller closes it."""
    if sys.platform != "linux":
        with tempfile.TemporaryFile() as file:
            file.write(code)
            file.flush()
            return os.dup(file.fileno())
    # Imported names of fcntl exist on Linux only.
    import fcntl  # noqa: PLC0415

    fd = os.memfd_create("ironclaw-code", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    rest = memoryview(code)
    while rest:
        rest = rest[os.write(fd, rest) :]
    seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
    return fd


def _engine_tag() -> str:
    return f"{version('wasmtime')}-{ENGINE_SETTINGS}-{platform.machine()}"


def _make_private(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.stat()
    if sys.platform != "win32" and status.st_uid != os.getuid():
        raise SandboxError("The code cache's folder belongs to another user: choose one of your own.")
    folder.chmod(0o700)
