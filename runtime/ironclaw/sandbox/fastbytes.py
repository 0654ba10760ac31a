"""Lists of bytes across the wasm boundary in one copy instead of one Python call for each byte.

wasmtime 50.0.1 turns ``list<u8>`` into Python one element at a time (about 1 µs each): a 1 MiB response would
cost a second of the worker.  The C layout is fixed by the pinned version; the self-test compares both ways.
"""

from __future__ import annotations

import ctypes
from typing import Any

from wasmtime import _ffi as ffi
from wasmtime.component import ListType

_VAL = ffi.wasmtime_component_val_t
_SIZE = ctypes.sizeof(_VAL)
_AT = _VAL.of.offset
_U8 = bytes([ffi.WASMTIME_COMPONENT_U8.value])

_slow_to_c = ListType.convert_to_c
_slow_from_c = ListType.convert_from_c


def install() -> None:
    """Put the fast forms in place, for this process."""
    for name, function in {"convert_to_c": _to_c, "convert_from_c": _from_c}.items():
        setattr(ListType, name, function)


def _to_c(self: Any, store: Any, value: Any, ptr: Any) -> None:
    if not (isinstance(value, bytes) and self._is_bytes()):
        _slow_to_c(self, store, value, ptr)
        return
    raw = ffi.wasmtime_component_vallist_t()
    ffi.wasmtime_component_vallist_new_uninit(raw, len(value))
    if value:
        image = bytearray(_SIZE * len(value))
        image[0::_SIZE] = _U8 * len(value)
        image[_AT::_SIZE] = value
        ctypes.memmove(raw.data, (ctypes.c_char * len(image)).from_buffer(image), len(image))
    ptr.contents.kind = ffi.WASMTIME_COMPONENT_LIST
    ptr.contents.of.list = raw


def _from_c(self: Any, c: Any) -> Any:
    if not self._is_bytes():
        return _slow_from_c(self, c)
    count = c.of.list.size
    try:
        if not count:
            return b""
        image = (ctypes.c_ubyte * (_SIZE * count)).from_address(ctypes.addressof(c.of.list.data.contents))
        return bytes(memoryview(image).cast("B")[_AT::_SIZE])
    finally:
        ffi.wasmtime_component_vallist_delete(ctypes.byref(c.of.list))
