"""Files of the tenant's folder."""

import base64
import contextlib
import os
import stat
from datetime import UTC, datetime
from typing import Any

from ironclaw_guest import Effect, InvalidInput, Unavailable, tool, will_delete, will_write

from families.paths import children, existing_file, mode, resolve, shown, walk

MAX_ENTRIES = 500
MAX_READ_BYTES = 150_000
PART = ".part"  #: Suffix of a file that is being written.


@tool("files.list")
def list_files(path: str = "", recursive: bool = False) -> dict[str, Any]:
    found = mode(resolve(path))
    if not found and shown(path) != ".":
        raise InvalidInput(f"no such folder: {shown(path)}; files.list without a path shows what is there")
    if stat.S_ISREG(found):
        return {"entries": [_entry(shown(path))], "more": False}
    paths = list(walk(path)) if recursive else children(path)
    return {"entries": [_entry(each) for each in paths[:MAX_ENTRIES]], "more": len(paths) > MAX_ENTRIES}


def _entry(path: str) -> dict[str, Any]:
    status = os.lstat(resolve(path))
    if stat.S_ISDIR(status.st_mode):
        return {"path": f"{path}/", "kind": "folder"}
    modified = datetime.fromtimestamp(int(status.st_mtime), UTC).isoformat()
    return {"path": path, "kind": "file", "bytes": status.st_size, "modified": modified}


@tool("files.read")
def read(path: str, offset: int = 0, limit: int = 65536, encoding: str = "text") -> dict[str, Any]:
    real = existing_file(path)
    with open(real, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(min(offset, size))
        content = file.read(min(limit, MAX_READ_BYTES))
    if offset + len(content) < size and encoding == "text":
        content = _whole_characters(content)
    end = offset + len(content)
    more = {"next_offset": end} if content and end < size else {}
    return {"path": shown(path), "bytes": size, **_shown_content(content, encoding), **more}


def _shown_content(content: bytes, encoding: str) -> dict[str, Any]:
    if encoding == "base64":
        return {"base64": base64.b64encode(content).decode()}
    text = content.decode("utf-8", "replace")
    hint = "not all of it is UTF-8 text; encoding=base64 shows it as it is"
    return {"text": text, "lossy": hint} if "\ufffd" in text else {"text": text}


def _whole_characters(content: bytes) -> bytes:
    """Without a UTF-8 character that was cut at the end, so that the next read begins with it."""
    for back in range(1, min(4, len(content)) + 1):
        byte = content[-back]
        if byte & 0xC0 == 0x80:
            continue  # A continuation byte: its beginning lies further back.
        needed = 1 + (byte >= 0xC0) + (byte >= 0xE0) + (byte >= 0xF0)
        return content[:-back] if needed > back and len(content) > back else content
    return content


def will_be_written(path: str, text: str) -> list[Effect]:
    _writable(path)
    return [will_write(shown(path), _encoded(text))]


@tool("files.write", preview=will_be_written)
def write(path: str, text: str) -> dict[str, Any]:
    content = _encoded(text)
    real = _writable(path)
    try:
        _make_folders(path)
        _write_whole(real, content)
    except OSError as error:
        raise Unavailable(f"{shown(path)} could not be written: {error.strerror}") from None
    return {"path": shown(path), "bytes": len(content)}


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise InvalidInput("text holds characters that UTF-8 has no form for") from None


def _writable(path: str) -> str:
    """The real path of a file that is there or may be made."""
    real = resolve(path)
    if shown(path) == "." or path.endswith("/") or stat.S_ISDIR(mode(real)):
        raise InvalidInput(f"{shown(path)} is a folder; path must name a file, such as notes/today.md")
    if mode(real) and not stat.S_ISREG(mode(real)):
        raise InvalidInput(f"{shown(path)} is no ordinary file")
    for above in _folders(path):
        if mode(resolve(above)) and not stat.S_ISDIR(mode(resolve(above))):
            raise InvalidInput(f"{above} is a file, so nothing can be put into it")
    return real


def _folders(path: str) -> list[str]:
    """The folders on the way to a path, the outermost first."""
    parts = shown(path).split("/")
    return ["/".join(parts[:depth]) for depth in range(1, len(parts))]


def _make_folders(path: str) -> None:
    """os.makedirs would begin at /mnt, which the guest cannot see."""
    for above in _folders(path):
        with contextlib.suppress(FileExistsError):
            os.mkdir(resolve(above))


def _write_whole(real: str, content: bytes) -> None:
    """All or nothing: a full disk leaves the old content."""
    part = real + PART
    with contextlib.suppress(FileNotFoundError):
        os.unlink(part)  # Of a write that was killed; and never write through a link of that name.
    try:
        with open(part, "xb") as file:
            file.write(content)
        os.replace(part, real)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(part)
        raise


def will_be_deleted(path: str) -> list[Effect]:
    real = _deletable(path)
    return [will_delete(shown(path))] if mode(real) else []


@tool("files.delete", preview=will_be_deleted)
def delete(path: str) -> dict[str, Any]:
    """Deleting what is gone already is no failure: a call that is run again after a crash must agree."""
    real = _deletable(path)
    found = mode(real)
    if not found:
        return {"path": shown(path), "deleted": False, "note": "no such file; files.list shows what is there"}
    try:
        (os.rmdir if stat.S_ISDIR(found) else os.unlink)(real)
    except OSError as error:
        raise Unavailable(f"{shown(path)} could not be deleted: {error.strerror}") from None
    return {"path": shown(path), "deleted": True}


def _deletable(path: str) -> str:
    """The real path of what may be deleted, there or not."""
    real = resolve(path)
    if shown(path) == ".":
        raise InvalidInput("the whole folder cannot be deleted; path must name a file or an empty folder")
    if stat.S_ISDIR(mode(real)) and os.listdir(real):
        raise InvalidInput(f"{shown(path)} is a folder with something in it; delete that first")
    return real
