"""The way into a component: its ``run`` with the types looked up once.

wasmtime-py asks for them at each call, which is a third of a short one (50 of 150 µs, measured).  The C
layout is fixed by the pinned version.
"""

from __future__ import annotations

import ctypes
from ctypes import byref
from typing import Any

from wasmtime import Store
from wasmtime import _ffi as ffi
from wasmtime.component import Func, _enter

_VAL = ffi.wasmtime_component_val_t
_STRING = ffi.WASMTIME_COMPONENT_STRING.value
_RESULT = ffi.WASMTIME_COMPONENT_RESULT.value


class Entry:
    """``run: func(tool: string, input: string) -> result<string, failure>`` of instances of one component."""

    def __init__(self) -> None:
        self._result: Any = None  #: The type, known from the first instance on.

    def call(self, run: Func, store: Store, tool: str, text: str) -> Any:
        """What came back: text, or the Variant of a failure.

        :raises WasmtimeError: it trapped, or has other types than the WIT's
        """
        if self._result is None:
            self._result = run.type(store).result
        given, back = (_VAL * 2)(), _VAL()
        try:
            for place, each in zip(given, (tool, text), strict=True):
                place.of.string = ffi.str_to_capi(each)
                place.kind = _STRING
            _enter.enter_wasm(
                lambda: ffi.wasmtime_component_func_call(
                    byref(run._func), store._context(), given, len(given), byref(back), 1
                )
            )
            return self._taken(back)
        finally:
            for place in given:
                ffi.wasmtime_component_val_delete(byref(place))

    def _taken(self, back: Any) -> Any:
        """The value as Python has it; its memory is given back."""
        if back.kind != _RESULT or not back.of.result.is_ok or not back.of.result.val:
            return self._result.convert_from_c(back)
        inner = back.of.result.val.contents
        if inner.kind != _STRING:
            return self._result.convert_from_c(back)
        try:
            return ctypes.string_at(inner.of.string.data, inner.of.string.size).decode()
        finally:
            ffi.wasmtime_component_val_delete(byref(back))
