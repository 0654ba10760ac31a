"""A process whose sandbox holds a call that does not end.  Arguments: cache folder, root, component."""

import asyncio
import hashlib
import sys
from pathlib import Path

from ironclaw.capabilities import Capabilities, Limits
from ironclaw.sandbox import Call, Component, Profile, Sandbox


async def main(cache: str, root: str, path: str, digest: str) -> None:
    sandbox = await Sandbox.open(cache_dir=Path(cache), cache_key=b"a key that only tests use")
    component = Component(Path(path), digest, Profile.PURE)
    limits = Capabilities(limits=Limits(fuel=10**15, seconds=600))
    await sandbox.prepare(component)
    call = asyncio.create_task(
        sandbox.call(Call(component, "any", "{}", "acme", Path(root) / "acme", limits), None)  # type: ignore[arg-type]
    )
    await asyncio.wait([call], timeout=1)
    print("running", flush=True)
    await call


asyncio.run(main(*sys.argv[1:4], hashlib.sha256(Path(sys.argv[3]).read_bytes()).hexdigest()))
