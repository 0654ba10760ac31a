"""The tools of the conformance suite, in Python."""

from typing import Any, Literal

import ironclaw_guest as guest
from ironclaw_guest import tool

FAILURES = {
    "invalid_input": guest.InvalidInput,
    "denied": guest.Denied,
    "unavailable": guest.Unavailable,
    "internal": guest.Internal,
}
calls = 0


@tool("conform.echo")
def echo(value: Any) -> Any:
    """Give the value back.

    :param value: any JSON
    """
    return value


@tool("conform.defaults")
def defaults(word: str = "x", number: int = 7) -> dict[str, Any]:
    """Give the arguments back, as they came.

    :param word: a word
    :param number: a number
    """
    return {"word": word, "number": number}


@tool("conform.empty")
def empty() -> dict[str, Any]:
    """Take nothing, give an empty object."""
    return {}


@tool("conform.fail")
def fail(kind: Literal["invalid_input", "denied", "unavailable", "internal"], message: str) -> None:
    """Fail in the way that is asked for.

    :param kind: which failure
    :param message: its message
    """
    raise FAILURES[kind](message)


@tool("conform.big")
def big(length: int) -> str:
    """Give a string of so many x.

    :param length: how many
    """
    return "x" * length


@tool("conform.size")
def size(text: str) -> int:
    """Say how many bytes of UTF-8 a text has.

    :param text: the text
    """
    return len(text.encode())


@tool("conform.log")
def log(level: Literal["debug", "info", "warn", "error"], message: str) -> None:
    """Write a line to the log.

    :param level: how bad it is
    :param message: the line
    """
    guest.log(message, level)


@tool("conform.clock")
def clock() -> dict[str, Any]:
    """Give the time in milliseconds, and whether asking again gives the same."""
    return {"ms": guest.now_ms(), "stands": guest.now_ms() == guest.now_ms()}


@tool("conform.random")
def random(count: int) -> str:
    """Give so many random bytes as hex digits.

    :param count: how many
    """
    return guest.random_bytes(count).hex()


@tool("conform.count")
def count() -> int:
    """Say how often this was called in one instance."""
    global calls
    calls += 1
    return calls


@tool("conform.spin")
def spin() -> None:
    """Never end."""
    while True:
        pass


@tool("conform.hoard")
def hoard() -> int:
    """Take memory until there is none."""
    taken = []
    while True:
        taken.append(bytearray(1 << 20))


@tool("conform.http")
def http(method: str, url: str, accept: str = "", body: str = "", secret: str = "") -> dict[str, Any]:
    """Send a request; give status, content-type and the body as hex digits.

    :param method: such as GET
    :param url: where to
    :param accept: the header of this name, if not empty
    :param body: what to send
    :param secret: the name of a secret, if not empty
    """
    headers = {"accept": accept} if accept else {}
    answer = guest.http(method, url, headers, body.encode(), secret or None)
    return {
        "status": answer.status,
        "type": answer.headers.get("content-type", ""),
        "body": answer.body.hex(),
    }
