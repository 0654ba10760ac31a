"""A malicious toolbox: each tool tries one way out of the sandbox, or one way to hurt it.

A tool that gets somewhere returns a result; a tool that is refused raises Denied with what it was told.
echo, clock, write and read are well behaved: they show that the sandbox still works beside the others.
"""

import encodings.idna  # noqa: F401 - imported late by socket, when there is nothing to import from.
import json
import os
import re
import select
import socket
import sys
import time

import ironclaw_guest
from componentize_py_types import Err
from ironclaw_guest import SCRATCH, Denied, InvalidInput, WitWorld, tool
from wit_world.imports import host

__all__ = ["WitWorld"]


def refused(error):
    """What the system said, without its text: that may hold names."""
    return Denied(f"refused with errno {error.errno}")


def attempt(action, *arguments):
    """Do it, or say that it was refused."""
    try:
        return action(*arguments)
    except OSError as error:
        raise refused(error) from None


def contents(path):
    with open(path, "rb") as file:
        return file.read(4096).decode("utf-8", "replace")


# Well behaved


@tool("probe.echo")
def echo(**arguments):
    return arguments


@tool("probe.work")
def work(text):
    """What the benchmark measures: a little JSON, a little computing."""
    return {"sum": sum(range(10_000)), "items": len(json.loads(text))}


@tool("probe.clock")
def clock():
    first, second = host.now(), host.now()
    one, two = host.random(16), host.random(16)
    return {"now": [first, second], "random": [one.hex(), two.hex()], "most": len(host.random(65536))}


@tool("probe.write")
@tool("probe.readonly")
def write(name, text):
    def put():
        with open(f"{SCRATCH}/{name}", "w") as file:
            return file.write(text)

    return {"written": attempt(put)}


@tool("probe.read")
def read(name):
    return {"text": attempt(contents, f"{SCRATCH}/{name}")}


@tool("probe.devour")
def devour(name):
    """Read a file whole, however long it is."""
    with open(f"{SCRATCH}/{name}", "rb") as file:
        return len(file.read())


# Computing and memory


@tool("probe.loop")
def loop():
    while True:
        pass


@tool("probe.regex")
def regex():
    return bool(re.match(r"(a+)+$", "a" * 64 + "b"))


@tool("probe.bigint")
def bigint():
    return len(bin(7 ** (10**9)))


@tool("probe.recurse")
def recurse():
    # json and repr recurse in C, where Python's own recursion limit does not count every frame.
    nested = []
    for _ in range(100_000):
        nested = [nested]
    return repr(nested)


@tool("probe.memory")
def memory():
    hoard = []
    while True:
        hoard.append(bytearray(1 << 20))


@tool("probe.sleep")
def sleep():
    time.sleep(30)
    return "slept"


@tool("probe.poll")
def poll():
    """Wait for ever without computing, below Python's own sleep."""
    select.select([], [], [], 30)
    return "waited"


@tool("probe.abort")
def abort():
    os.abort()


@tool("probe.exit")
def leave():
    os._exit(3)


# Files


@tool("probe.passwd")
def passwd():
    return attempt(contents, "/etc/passwd")


@tool("probe.dotdot")
def dotdot(tenant):
    """Another tenant's folder lies beside ours."""
    return attempt(contents, f"{SCRATCH}/../{tenant}/secret.txt")


@tool("probe.root")
def root():
    return attempt(os.listdir, "/")


@tool("probe.scratch")
def scratch():
    return attempt(os.listdir, SCRATCH)


@tool("probe.symlink")
def symlink(tenant):
    attempt(os.symlink, f"../{tenant}/secret.txt", f"{SCRATCH}/link")
    return "linked"


@tool("probe.hardlink")
def hardlink():
    attempt(echo_file, "here.txt")
    attempt(os.link, f"{SCRATCH}/here.txt", f"{SCRATCH}/there.txt")
    return "linked"


def echo_file(name):
    with open(f"{SCRATCH}/{name}", "w") as file:
        file.write("text")


@tool("probe.big_file")
def big_file():
    block = b"x" * (1 << 20)

    def fill():
        with open(f"{SCRATCH}/big.bin", "wb") as file:
            return sum(file.write(block) for _ in range(300))

    return {"written": attempt(fill)}


@tool("probe.sparse_file")
def sparse_file():
    def stretch():
        with open(f"{SCRATCH}/sparse.bin", "wb") as file:
            return file.truncate(1 << 40)

    return {"size": attempt(stretch)}


@tool("probe.seek_file")
def seek_file():
    def stretch():
        with open(f"{SCRATCH}/far.bin", "wb", buffering=0) as file:
            file.seek(1 << 40)
            return file.write(b"x")

    return {"written": attempt(stretch)}


def filler(path, size):
    with open(f"{SCRATCH}/{path}", "wb") as file:
        return file.write(b"x" * size)


@tool("probe.fill_disk")
def fill_disk():
    """Many files, each of a harmless size."""
    number = 0
    while True:
        attempt(filler, f"fill-{number}", 1 << 20)
        number += 1


@tool("probe.rewrite")
def rewrite():
    """The same file again and again: much is written, little is held."""
    return sum(attempt(filler, "same.bin", 1 << 20) for _ in range(100))


@tool("probe.many_files")
def many_files():
    number = 0
    while True:
        attempt(filler, f"small-{number}", 0)
        number += 1


@tool("probe.many_folders")
def many_folders():
    number = 0
    while True:
        attempt(os.mkdir, f"{SCRATCH}/folder-{number}")
        number += 1


@tool("probe.deep_folders")
def deep_folders():
    path = SCRATCH
    while True:
        path += "/d"
        attempt(os.mkdir, path)


@tool("probe.sparse_files")
def sparse_files():
    """Each long in name only."""

    def stretch(number):
        with open(f"{SCRATCH}/hole-{number}", "wb", buffering=0) as file:
            file.seek((4 << 20) - 1)
            return file.write(b"x")

    number = 0
    while True:
        attempt(stretch, number)
        number += 1


NAMES = ["a\nb", "\x1b[2Jx", "-rf", "CON", "\u202etxt.exe", "a\\b", " ", "...", "x" * 255, "\U0001f600"]
BAD_NAMES = ["a\0b", "x" * 256, "../up", "/etc/ironclaw", "a/../../../up", ""]


@tool("probe.odd_names")
def odd_names():
    """Every odd name is a file of ours or is refused; none leads out."""
    for name in NAMES:
        attempt(filler, name, 1)
    made = [name for name in BAD_NAMES if is_made(name)]
    if not made:
        raise Denied(f"none of {len(BAD_NAMES)} names was taken")
    return made


def is_made(name):
    try:
        filler(name, 1)
    except (OSError, ValueError):
        return False
    return True


@tool("probe.rename")
def rename(tenant):
    attempt(echo_file, "mine.txt")
    attempt(os.rename, f"{SCRATCH}/mine.txt", f"{SCRATCH}/../{tenant}/yours.txt")
    return "moved"


@tool("probe.steal")
def steal(tenant):
    attempt(os.rename, f"{SCRATCH}/../{tenant}/secret.txt", f"{SCRATCH}/mine.txt")
    return "moved"


@tool("probe.proc")
def proc():
    """Whatever the kernel tells of processes."""
    places = ["/proc/self/environ", "/proc/1/cmdline", "/proc/self/fd/0", f"{SCRATCH}/../../proc/self/maps"]
    found = [place for place in places if is_readable(place)]
    if not found:
        raise Denied(f"none of {len(places)} places can be read")
    return found


def is_readable(path):
    try:
        contents(path)
    except OSError:
        return False
    return True


@tool("probe.remove")
def remove(name):
    """Well behaved: makes room."""
    attempt(os.remove, f"{SCRATCH}/{name}")
    return "removed"


@tool("probe.descriptors")
def descriptors():
    attempt(echo_file, "many.txt")
    files = []
    while len(files) < 20_000:
        files.append(attempt(open, f"{SCRATCH}/many.txt"))
    return {"opened": len(files)}


# The host's world


@tool("probe.environment")
def environment():
    found = {"environment": dict(os.environ), "arguments": sys.argv[1:]}
    if not any(found.values()):
        raise Denied("the environment is empty")
    return found


@tool("probe.tcp")
def tcp(port):
    attempt(lambda: socket.create_connection(("127.0.0.1", port), timeout=2))
    return "connected"


@tool("probe.udp")
def udp(port):
    attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", port)))
    return "sent"


@tool("probe.listen")
def listen():
    """Be a server oneself."""
    attempt(lambda: socket.create_server(("127.0.0.1", 0)))
    return "listening"


@tool("probe.dns")
def dns():
    return str(attempt(socket.getaddrinfo, "localhost", 80))


@tool("probe.http")
def http(url, secret=None):
    return {"status": ironclaw_guest.http("GET", url, secret=secret).status}


@tool("probe.fetch")
def fetch(method, url, headers, body):
    """One request as it is told, with what came back."""
    answer = ironclaw_guest.http(method, url, headers=headers, body=body.encode())
    return {"status": answer.status}


@tool("probe.send")
def send(method, url, headers=None, body="", secret=None):
    """Any request, and everything that came of it."""
    answer = ironclaw_guest.http(method, url, headers or {}, body.encode(), secret)
    text = answer.body.decode("utf-8", "replace")
    return {"status": answer.status, "headers": answer.headers, "body": text, "hex": answer.body.hex()}


@tool("probe.no_http")
def no_http(url):
    return {"status": ironclaw_guest.http("GET", url).status}


@tool("probe.hostile_http")
def hostile_http():
    """Requests that no client should build: how many of them the host sent."""
    line = "x\r\nInjected: yes"
    address = "https://example.com/"
    requests = [
        host.Request("GET\r\nX", address, [], b"", None),
        host.Request("", address, [], b"", None),
        host.Request("GET", address + "a" * 1_000_000, [], b"", None),
        host.Request("GET", address + line, [], b"", None),
        host.Request("GET", address, [host.Header(line, "v")], b"", None),
        host.Request("GET", address, [host.Header("n", line)], b"", None),
        host.Request("GET", address, [host.Header("n", "v")] * 1000, b"", None),
        host.Request("POST", address, [], bytes(2_100_000), None),
        host.Request("GET", address, [], b"", "s" * 100_000),
    ]
    sent = sum(map(is_sent, requests))
    if not sent:
        raise Denied(f"none of {len(requests)} requests was sent")
    return {"sent": sent}


@tool("probe.huge_http")
def huge_http():
    """A body that must not be copied out of the guest at all."""
    return is_sent(host.Request("POST", "https://example.com/", [], bytes(50_000_000), None))


def is_sent(request):
    try:
        host.http(request)
    except Err:
        return False
    return True


@tool("probe.http_flood")
def http_flood(url):
    """As many requests as one call gets."""
    request = host.Request("GET", url, [], b"", None)
    return {"sent": sum(is_sent(request) for _ in range(200))}


@tool("probe.random_flood")
def random_flood():
    return len(host.random(0xFFFFFFFF))


@tool("probe.odd_http")
def odd_http():
    """Encodings and headers that mean one thing to a client and another to a server: how many were sent."""
    address = "https://example.com/"
    requests = [
        host.Request("GET", address + "\0", [], b"", None),
        host.Request("GET", address + "\x7f", [], b"", None),
        host.Request("gEt", address, [], b"", None),
        host.Request("G\u00cbT", address, [], b"", None),
        host.Request("GET", address, [host.Header("", "v")], b"", None),
        host.Request("GET", address, [host.Header("h\u00e4", "v")], b"", None),
        host.Request("GET", address, [host.Header("a b", "v")], b"", None),
        host.Request("GET", address, [host.Header("n" * 1_000, "v")], b"", None),
        host.Request("GET", address, [host.Header("n", "\0")], b"", None),
        host.Request("GET", address, [host.Header("n", "v" * 100_000)], b"", None),
    ]
    sent = sum(map(is_sent, requests))
    if not sent:
        raise Denied(f"none of {len(requests)} requests was sent")
    return {"sent": sent}


# Floods


@tool("probe.output")
def output():
    return "x" * 1_000_000


@tool("probe.message")
def message():
    raise InvalidInput("x" * 1_000_000)


@tool("probe.stdout")
def stdout():
    while True:
        os.write(1, b"x" * 65536)


@tool("probe.stderr")
def stderr():
    while True:
        os.write(2, b"x" * 65536)


@tool("probe.log")
def log():
    while True:
        host.log(host.Level.ERROR, "x" * 65536)
