"""Reads what a component imports from its bytes.  To ask wasmtime would mean to compile it: 10 s."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ironclaw.errors import ToolboxError

MAGIC = b"\0asm\x0d\0\x01\0"
IMPORTS = 10  #: The kind of a component's import section.
CORE_MODULE, VALUE, TYPE = 0, 2, 3  #: Kinds of imports that have one more byte.
SUB_RESOURCE = 1  #: A type's bound that has no index.


class _Reader:
    """Bytes, read from front to back."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.at = 0

    @property
    def is_at_end(self) -> bool:
        return self.at >= len(self._content)

    def byte(self) -> int:
        self.at += 1
        return self._content[self.at - 1]

    def number(self) -> int:
        """An unsigned LEB128."""
        value, shift = 0, 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def take(self) -> bytes:
        """Bytes after their length."""
        size = self.number()
        self.at += size
        if self.at > len(self._content):
            raise IndexError
        return self._content[self.at - size : self.at]


def component_imports(path: Path) -> list[str]:
    """The names of what a component imports, sorted, without mere types; untrusted text.

    :raises ToolboxError: it is no component
    """
    content = path.read_bytes()
    if not content.startswith(MAGIC):
        raise ToolboxError(f"{path}: not a WebAssembly component")
    try:
        found = [content[start:end] for kind, _, start, end in sections(content) if kind == IMPORTS]
        return sorted({name for section in found for name in _names(section)})
    except (IndexError, UnicodeDecodeError):
        raise ToolboxError(f"{path}: a component that ends too early or is malformed") from None


def sections(content: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Each section of a component: its kind, where it begins, where its content begins, and its end.

    :raises IndexError: the component ends too early
    """
    reader = _Reader(content)
    reader.at = len(MAGIC)
    while not reader.is_at_end:
        begin, kind = reader.at, reader.byte()
        size = len(reader.take())
        yield kind, begin, reader.at - size, reader.at


def _names(section: bytes) -> Iterator[str]:
    reader = _Reader(section)
    for _ in range(reader.number()):
        has_suffix = reader.byte() == 2
        name = reader.take().decode()
        if has_suffix:
            reader.take()
        if _kind(reader) != TYPE:
            yield name


def _kind(reader: _Reader) -> int:
    """An externdesc: a kind and an index, with one more byte for core modules, values and types."""
    kind = reader.byte()
    bound = reader.byte() if kind in (CORE_MODULE, VALUE, TYPE) else 0
    if (kind, bound) != (TYPE, SUB_RESOURCE):
        reader.number()
    return kind
