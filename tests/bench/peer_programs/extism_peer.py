"""Runs in the bench's own environment: one fresh extism plug-in a call, an echo in bare WebAssembly.

It has no Python guest to offer: the second measure is missing.  Argument: how many calls.
"""

import base64
import json
import sys
import time

import extism

INPUT = '{"text": "hello"}'
wasm = base64.b64decode(sys.stdin.read())
manifest = {"wasm": [{"data": wasm}], "memory": {"max_pages": 16}}
compiled = extism.CompiledPlugin(manifest) if hasattr(extism, "CompiledPlugin") else None


def call():
    began = time.perf_counter()
    plugin = extism.Plugin(compiled or manifest, wasi=False)
    assert bytes(plugin.call("echo", INPUT)) == INPUT.encode()
    return time.perf_counter() - began


for _ in range(10):
    call()
print(json.dumps({"echo": [call() for _ in range(int(sys.argv[1]))], "work": []}))
