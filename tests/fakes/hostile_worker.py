"""A worker that its guest has taken over.  Arguments: what it does, its socket.  Needs nothing but Python."""

import json
import os
import struct
import sys
import time


def frame(message: object) -> bytes:
    body = json.dumps(message).encode()
    return struct.pack(">I", len(body)) + body


DONE = {"kind": "done", "output": "{}", "failure": None, "fuel": 1, "memory": 1}
READY = frame({"kind": "ready"})
ANSWERS = {
    "garbage": b"\xff" * 100,
    "a huge length": struct.pack(">I", 0xFFFFFFFF) + b"x" * 100,
    "half a frame, then nothing": struct.pack(">I", 1000) + b'{"kind":',
    "no JSON": struct.pack(">I", 4) + b"{{{{",
    "JSON that is no message": frame(["done"]),
    "an unknown kind": frame({"kind": "sudo"}),
    "ready again": READY,
    "half a result": frame({"kind": "done"}),
    "a result of a wrong type": frame({**DONE, "output": 5}),
    "a result over the cap": frame({**DONE, "output": '"' + "x" * 5_000_000 + '"'}),
    "an unknown failure": frame({**DONE, "output": None, "failure": ["root", "x"]}),
    "a level that there is none of": frame({"kind": "log", "level": "root", "message": "x"}),
    "ten thousand lines": frame({"kind": "log", "level": "info", "message": "x"}) * 10_000,
    "a request that is none": frame({"kind": "http", "method": 5}),
    "a request beyond the caps": frame(
        {"kind": "http", "method": "GET\r\n", "url": "x", "headers": [], "body": "", "secret": None}
    ),
    "nested too deep": struct.pack(">I", 200_000) + b"[" * 200_000,
    "nothing, for ever": b"",
    "its death": b"",
}


def main(what: str, sock: int) -> None:
    os.write(sock, READY)
    os.read(sock, 4)
    rest = ANSWERS[what]
    if what == "its death":
        os.kill(os.getpid(), 9)
    while rest:
        rest = rest[os.write(sock, rest) :]
    time.sleep(60)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
