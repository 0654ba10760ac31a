"""Attacks by way of a file's form: archives, and signatures that are not ours."""

from __future__ import annotations

import base64
import hashlib
import json
import tarfile
from collections.abc import Awaitable, Callable, Mapping

from ironclaw.registry.signing import SIGNATURE
from tests.cases._supply_world import first, member, packed, world


async def odd_archive() -> str | None:
    """Links, devices, other places, other files, too many, twice the same; a plain one is taken."""
    odd = {
        "no plain file": [
            member("component.wasm", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
            member("toolbox.toml", type=tarfile.LNKTYPE, linkname="component.wasm"),
            member("toolbox.sig", type=tarfile.FIFOTYPE),
            member("component.wasm", type=tarfile.CHRTYPE),
            member("component.wasm", type=tarfile.DIRTYPE),
        ],
        "no file of a toolbox": [
            member("../toolbox.toml"),
            member("/toolbox.toml"),
            member("a/toolbox.toml"),
            member("run.sh"),
        ],
        "there twice": [member("component.wasm")],
        "larger than": [member("toolbox.toml", size=1 << 30)],
    }
    with world() as w:
        faults = [
            (await w.add(packed(w.box(), change))).refused(because)
            for because, changes in odd.items()
            for change in changes
        ]
        return first(*faults, (await w.add(packed(w.box()))).fine())


async def sigstore_bundle() -> str | None:
    """We read no bundles, and so trust no identity or issuer in one: it is no signature."""
    with world() as w:
        box = w.box()
        kind = "application/vnd.dev.sigstore.bundle.v0.3+json"
        bundle = {"mediaType": kind, "messageSignature": {"signature": base64.b64encode(bytes(64)).decode()}}
        (box / SIGNATURE).write_text(json.dumps(bundle))
        return (await w.add(box)).refused("not a signature file")


async def minisign_forms() -> str | None:
    """Genuine signatures by the trusted key in minisign's two forms; and ours with a comment of one's own."""
    with world() as w:
        box = w.box()
        content = (box / "toolbox.toml").read_bytes()
        ours = json.loads((box / SIGNATURE).read_bytes())
        forms = {b"Ed": content, b"ED": hashlib.blake2b(content).digest()}
        texts = [
            b"untrusted comment: x\n" + base64.b64encode(form + bytes(8) + w.publisher.sign(data))
            for form, data in forms.items()
        ]
        texts.append(json.dumps({**ours, "comment": "x"}, sort_keys=True, separators=(",", ":")).encode())
        faults = []
        for text in texts:
            (box / SIGNATURE).write_bytes(text + b"\n")
            faults.append((await w.add(box)).refused("not a signature file"))
        swapped = json.dumps({**ours, "expires": 2**40}, sort_keys=True, separators=(",", ":"))
        (box / SIGNATURE).write_text(swapped + "\n")
        return first(*faults, (await w.add(box)).refused("the signature is not that of"))


CASES: Mapping[str, Callable[[], Awaitable[str | None]]] = {
    "sc-36": odd_archive,
    "sc-39": sigstore_bundle,
    "sc-40": minisign_forms,
}
