"""``python -m tests.bench.ack_floor FOLDER``: the least that an acknowledgement can cost.

A bare aiohttp server that verifies the signature, writes one row durably and answers 200.  Its port is the
first line of its standard output; it runs until its standard input ends.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import sqlite3
import sys
from pathlib import Path

from aiohttp import web

from ironclaw_bot.slack.edge import PATH


def make_site(database: Path, secret: bytes) -> web.Application:
    """One connection, one commit for each request, on the loop's own thread."""
    connection = sqlite3.connect(database, isolation_level=None)
    connection.executescript(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE inbox (body TEXT) STRICT;"
    )

    async def receive(request: web.Request) -> web.Response:
        body = await request.read()
        signed = b"v0:" + request.headers["X-Slack-Request-Timestamp"].encode() + b":" + body
        expected = "v0=" + hmac.new(secret, signed, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, request.headers["X-Slack-Signature"]):
            return web.Response(status=401)
        connection.execute("INSERT INTO inbox VALUES (?)", (body.decode(),))
        return web.Response()

    site = web.Application()
    site.router.add_post(PATH, receive)
    return site


async def main(folder: str) -> None:
    site = make_site(Path(folder) / "ack_floor.db", os.environ["BENCH_SECRET"].encode())
    runner = web.AppRunner(site, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
