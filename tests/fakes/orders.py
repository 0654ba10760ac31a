"""A toolbox that orders and can be asked whether it did: a component of a few hundred bytes.

``order.place`` POSTs its arguments to https://shop.example/order.place, ``order.status`` asks for
https://shop.example/order.status; each gives the body of the answer, whatever that is.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from wasmtime import wat2wasm

from tests.fakes.sandbox import HOST, toolbox_text

SHOP = "shop.example"
_URL = 512  #: Where the address stands in memory, before the name of the tool.
_ORDERS = "(i32.eq (local.get 1) (i32.const 11))"  #: Of the two names only one is so short.
_RUN = f"""(memory.copy (i32.const {_URL + 21}) (local.get 0) (local.get 1))
  (call $http (select (i32.const 600) (i32.const 0) {_ORDERS}) (select (i32.const 4) (i32.const 3) {_ORDERS})
   (i32.const {_URL}) (i32.add (i32.const 21) (local.get 1)) (i32.const 0) (i32.const 0)
   (local.get $input) (select (local.get $size) (i32.const 0) {_ORDERS})
   (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 256))
  (if (i32.load8_u (i32.const 256)) (then (unreachable)))
  (i32.store8 (i32.const 32) (i32.const 0))
  (i32.store (i32.const 36) (i32.load (i32.const 272))) (i32.store (i32.const 40) (i32.load (i32.const 276)))
  (i32.const 32)"""
_DATA = '(data (i32.const 0) "GEThttps://example.com/")'
MANIFEST = """name = "orders"
version = "1.0.0"
component = "component.wasm"
sha256 = "{sha256}"

[tools."order.place"]
description = "Order something."
risk = "high"
effect = "checkable"
check = "order.status"
http = [{{ host = "shop.example", methods = ["GET", "POST"] }}]

[tools."order.place".schema]
type = "object"
additionalProperties = false

[tools."order.place".schema.properties.what]
type = "string"
description = "What to order."

[tools."order.status"]
description = "{about}"
risk = "low"
effect = "pure"
http = [{{ host = "shop.example", methods = ["GET"] }}]

[tools."order.status".schema]
type = "object"
additionalProperties = false

[tools."order.status".schema.properties.what]
type = "string"
description = "What was to be ordered."
"""


def write_orders(folder: Path, about: str) -> Path:
    """The toolbox in a folder of its own.

    :param about: describes its check
    """
    words = {0: "GET", 600: "POST", _URL: f"https://{SHOP}/"}
    data = "".join(f'(data (i32.const {at}) "{word}")' for at, word in words.items())
    text = toolbox_text(_RUN, HOST).replace(_DATA, data)
    component = bytes(wat2wasm(text))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "component.wasm").write_bytes(component)
    manifest = MANIFEST.format(about=about, sha256=hashlib.sha256(component).hexdigest())
    (folder / "toolbox.toml").write_text(manifest, "utf-8")
    return folder
