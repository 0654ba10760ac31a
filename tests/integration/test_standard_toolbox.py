"""The standard toolbox as a caller meets it: registry, real sandbox, real egress."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.fakes.sandbox import KEY
from tests.fakes.web import PUBLIC, Web, egress, web

from ironclaw.capabilities import HttpRequest, HttpResponse, HttpRule
from ironclaw.egress import Egress, effective_rules
from ironclaw.registry import Registry
from ironclaw.sandbox import Component, Profile, Sandbox, folders
from ironclaw.sandbox.model import Call
from ironclaw.task import FailureKind, ToolResult

pytestmark = [pytest.mark.sandbox, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

HOST = "api.example.com"
INVALID, DENIED, UNAVAILABLE = FailureKind.INVALID_INPUT, FailureKind.DENIED, FailureKind.UNAVAILABLE


@dataclass(frozen=True)
class Door:
    """What one call reaches: the egress, by its rules."""

    egress: Egress
    rules: tuple[HttpRule, ...]

    async def http(self, request: HttpRequest) -> HttpResponse:
        return await self.egress.fetch(request, self.rules)

    def log(self, level: str, message: str) -> None:
        pass


@dataclass(frozen=True)
class Standard:
    """The standard toolbox in the workspace of one tenant."""

    registry: Registry
    sandbox: Sandbox
    egress: Egress
    internet: Web
    root: Path
    tenant: str = "acme"

    @property
    def folder(self) -> Path:
        return self.root / self.tenant

    async def run(self, name: str, /, **arguments: Any) -> ToolResult:
        tool = self.registry.get(name)
        assert tool is not None
        assert self.registry.validate(tool, arguments) == []
        rules = effective_rules(tool.capabilities.http, (HOST,))
        box = tool.toolbox
        call = Call(
            component=Component(box.component, box.component_sha256, Profile(box.profile)),
            tool=name,
            input=json.dumps(self.registry.with_defaults(tool, arguments)),
            tenant=self.tenant,
            scratch=self.folder,
            capabilities=replace(tool.capabilities, http=rules),
        )
        return await self.sandbox.call(call, Door(self.egress, rules))

    async def ask(self, name: str, /, **arguments: Any) -> Any:
        """The output of a call that works."""
        result = await self.run(name, **arguments)
        assert result.failure is None, result.failure
        return json.loads(result.output or "")

    async def fail(self, name: str, /, **arguments: Any) -> tuple[FailureKind, str]:
        """The failure of a call that does not."""
        result = await self.run(name, **arguments)
        assert result.failure is not None, result.output
        return result.failure.kind, result.failure.message


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened(
    built_toolboxes: Path, code_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Standard]:
    folder = tmp_path_factory.mktemp("standard")
    registry = Registry.load([built_toolboxes / "standard"])
    async with web(folder, [HOST]) as internet:
        sandbox = await Sandbox.open(cache_dir=code_cache, cache_key=KEY, scratch_root=folder / "scratch")
        yield Standard(registry, sandbox, egress(internet, folder), internet, folder / "scratch")
        await sandbox.close()


@pytest.fixture
def tools(opened: Standard) -> Standard:
    """The toolbox with an empty workspace and a server that has seen nothing yet."""
    opened.internet.meet({HOST: [[PUBLIC]]})
    opened.folder.mkdir(exist_ok=True)
    for each in opened.folder.iterdir():
        shutil.rmtree(each) if each.is_dir() and not each.is_symlink() else each.unlink()
    return opened


async def test_write_and_read(tools: Standard) -> None:
    """
    What is written can be read, in a folder made on the way, and the host sees the same file.
    """
    written = await tools.ask("files.write", path="notes/today.md", text="héllo\n")
    found = await tools.ask("files.read", path="./notes//today.md")

    assert written == {"path": "notes/today.md", "bytes": 7}
    assert found == {"path": "notes/today.md", "bytes": 7, "text": "héllo\n"}
    assert (tools.folder / "notes" / "today.md").read_text("utf-8") == "héllo\n"


async def test_write_replaces(tools: Standard) -> None:
    """
    Writing twice is writing once: the whole content, and nothing left beside it.
    """
    await tools.ask("files.write", path="a.txt", text="a long first content")
    await tools.ask("files.write", path="a.txt", text="b")
    await tools.ask("files.write", path="a.txt", text="b")

    assert [("a.txt", b"b")] == [(each.name, each.read_bytes()) for each in tools.folder.iterdir()]


async def test_read_in_parts(tools: Standard) -> None:
    """
    A long file comes in parts that never cut a character, and together are the file.
    """
    text = "aé€😀" * 50
    await tools.ask("files.write", path="long.txt", text=text)
    parts, offset = [], 0
    while offset is not None:
        part = await tools.ask("files.read", path="long.txt", offset=offset, limit=7)
        parts.append(part["text"])
        offset = part.get("next_offset")

    assert "".join(parts) == text


async def test_read_binary(tools: Standard) -> None:
    """
    What is no text says so, and can be had as base64.
    """
    (tools.folder / "image").write_bytes(b"\xff\xfe\x00")

    assert "base64" in (await tools.ask("files.read", path="image"))["lossy"]
    assert (await tools.ask("files.read", path="image", encoding="base64"))["base64"] == "//4A"


async def test_list(tools: Standard) -> None:
    """
    A listing names files with sizes and folders with a slash; a recursive one names every file.
    """
    await tools.ask("files.write", path="b/c.txt", text="123")
    await tools.ask("files.write", path="a.txt", text="1")
    top = (await tools.ask("files.list"))["entries"]
    every = (await tools.ask("files.list", recursive=True))["entries"]

    assert [(each["path"], each.get("bytes")) for each in top] == [("a.txt", 1), ("b/", None)]
    assert [each["path"] for each in every] == ["a.txt", "b/c.txt"]


async def test_delete(tools: Standard) -> None:
    """
    A file goes, then its empty folder; deleting again is no failure, and says that nothing was there.
    """
    await tools.ask("files.write", path="b/c.txt", text="123")
    full = await tools.fail("files.delete", path="b")
    gone = [await tools.ask("files.delete", path=path) for path in ("b/c.txt", "b", "b")]

    assert full == (INVALID, "b is a folder with something in it; delete that first")
    assert [each["deleted"] for each in gone] == [True, True, False]
    assert list(tools.folder.iterdir()) == []


PATHS = ["../x", "a/../../x", "/etc/passwd", "/mnt/scratch/a.txt", "a\\b", "a\0b", "x" * 300]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", ["files.read", "files.write", "files.delete", "files.list"])
async def test_paths_outside(tools: Standard, name: str, path: str) -> None:
    """
    No tool takes a path that is absolute, leads outside or is odd.
    """
    more = {"text": "x"} if name == "files.write" else {}
    kind, message = await tools.fail(name, path=path, **more)

    assert (kind, True) == (INVALID, message.startswith("path "))
    assert list(tools.folder.iterdir()) == []


@pytest.mark.parametrize("name", ["files.read", "files.write", "files.delete", "text.grep", "data.query"])
async def test_links(tools: Standard, name: str) -> None:
    """
    A link that somebody planted is not followed, neither as the file nor on the way to it.
    """
    (tools.root / "rival").mkdir(exist_ok=True)
    (tools.root / "rival" / "secret.txt").write_text("secret")
    (tools.folder / "link").symlink_to("../rival/secret.txt")
    (tools.folder / "way").symlink_to("../rival")
    more = {"files.write": {"text": "x"}, "text.grep": {"pattern": "s"}}.get(name, {})

    assert (await tools.fail(name, path="link", **more))[0] in (INVALID, UNAVAILABLE)
    assert (await tools.fail(name, path="way/secret.txt", **more))[0] in (INVALID, UNAVAILABLE)
    assert (tools.root / "rival" / "secret.txt").read_text() == "secret"


async def test_no_such_file(tools: Standard) -> None:
    """
    A wrong name is answered with what to do about it.
    """
    expected = (INVALID, "no such file: x.txt; files.list shows what is there")

    assert await tools.fail("files.read", path="x.txt") == expected
    assert await tools.fail("data.query", path="x.txt") == expected


async def test_pipe(tools: Standard, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A named pipe in a file's place holds nobody up, also where the sandbox has not yet seen it.
    """
    monkeypatch.setattr(folders, "STALE", 60.0)
    await tools.ask("files.write", path="a/b", text="x")
    await tools.ask("files.read", path="a/b")
    os.mkfifo(tools.folder / "a" / "pipe")

    assert await tools.fail("files.read", path="a/pipe") == (INVALID, "a/pipe is no ordinary file")


async def test_file_as_folder(tools: Standard) -> None:
    """
    A file is no folder, and a folder no file.
    """
    await tools.ask("files.write", path="a/b", text="x")

    assert (await tools.fail("files.write", path="a/b/c", text="x"))[1].startswith("a/b is a file")
    assert (await tools.fail("files.write", path="a", text="x"))[1].startswith("a is a folder")
    assert (await tools.fail("files.read", path="a"))[1].startswith("a is a folder")


async def test_grep(tools: Standard) -> None:
    """
    Matching lines come with file and number; a limit says that there are more.
    """
    await tools.ask("files.write", path="a.txt", text="one\nTwo\nthree")
    await tools.ask("files.write", path="b/c.txt", text="two (2)")
    found = await tools.ask("text.grep", pattern="two", ignore_case=True)
    literal = await tools.ask("text.grep", pattern="(2)", literal=True, path="b")
    first = await tools.ask("text.grep", pattern="o", limit=1)

    assert [(each["path"], each["line"]) for each in found["matches"]] == [("a.txt", 2), ("b/c.txt", 1)]
    assert [each["text"] for each in literal["matches"]] == ["two (2)"]
    assert (len(first["matches"]), first["more"]) == (1, True)


async def test_grep_wrong(tools: Standard) -> None:
    """
    A pattern that is none, or that would search for ever, ends in a typed failure.
    """
    await tools.ask("files.write", path="a.txt", text="a" * 60 + "b")

    assert "no regular expression" in (await tools.fail("text.grep", pattern="("))[1]
    assert (await tools.fail("text.grep", pattern="(a+)+$"))[0] is FailureKind.OUT_OF_FUEL


SALES = "city,year,amount\nBonn,2024,10\nBonn,2025,30.5\nKöln,2025,\nKöln,2024,7\n"


async def test_query(tools: Standard) -> None:
    """
    A CSV file is filtered, grouped, aggregated, sorted and cut; empty cells count for nothing.
    """
    await tools.ask("files.write", path="sales.csv", text="\ufeff" + SALES)
    total = {"op": "sum", "column": "amount", "as": "total"}
    found = await tools.ask(
        "data.query", path="sales.csv", group_by=["city"], aggregate=[total, {"op": "count"}],
        sort=[{"column": "total", "descending": True}], limit=1,
    )  # fmt: skip
    rows = await tools.ask(
        "data.query", path="sales.csv", where=[{"column": "year", "op": ">=", "value": 2025}], select=["city"]
    )

    assert found == {"rows": [{"city": "Bonn", "total": 40.5, "count": 2}], "total": 2}
    assert rows == {"rows": [{"city": "Bonn"}, {"city": "Köln"}], "total": 2}


async def test_query_finds_nothing(tools: Standard) -> None:
    """
    Nothing that matches is an answer, not an error.
    """
    await tools.ask("files.write", path="sales.csv", text=SALES)
    none = {"where": [{"column": "city", "op": "=", "value": "Rome"}], "group_by": ["city"]}

    found = await tools.ask("data.query", path="sales.csv", sort=[{"column": "count"}], **none)

    assert found == {"rows": [], "total": 0}


async def test_query_json(tools: Standard) -> None:
    """
    JSON and JSON lines are asked in the same way.
    """
    await tools.ask("files.write", path="a.json", text='{"items": [{"n": 1}, {"n": 3}]}')
    await tools.ask("files.write", path="a.jsonl", text='{"n": 1}\n{"n": 3}\n')
    question = {"aggregate": [{"op": "mean", "column": "n"}]}

    assert [{"mean_n": 2.0}] == (await tools.ask("data.query", path="a.json", **question))["rows"]
    assert [{"mean_n": 2.0}] == (await tools.ask("data.query", path="a.jsonl", **question))["rows"]


async def test_query_wrong(tools: Standard) -> None:
    """
    A wrong column is answered with the right ones, a wrong file with what is wrong in it.
    """
    await tools.ask("files.write", path="sales.csv", text=SALES)
    await tools.ask("files.write", path="bad.json", text="{")
    expected = "there is no column town; the columns are: city, year, amount"

    assert await tools.fail("data.query", path="sales.csv", select=["town"]) == (INVALID, expected)
    assert await tools.fail("data.query", path="sales.csv", sort=[{"column": "town"}]) == (INVALID, expected)
    assert (await tools.fail("data.query", path="bad.json"))[1].startswith("bad.json cannot be read as json")


async def test_python(tools: Standard) -> None:
    """
    A program's printing and its last value come back.
    """
    code = "import statistics\nnumbers = [1, 2, 6]\nprint('so:')\nstatistics.mean(numbers)"

    assert await tools.ask("python.run", code=code) == {"stdout": "so:\n", "value": "3"}
    assert await tools.ask("python.run", code="x = 1") == {"stdout": ""}


MODULES = """
base64 collections csv datetime decimal fractions functools hashlib html itertools json math random re
statistics string textwrap urllib.parse zlib
"""


@pytest.mark.parametrize("module", MODULES.split())
async def test_python_modules(tools: Standard, module: str) -> None:
    """
    The common modules are there.
    """
    assert "value" in await tools.ask("python.run", code=f"import {module}\n{module}.__name__")


async def test_python_late_imports(tools: Standard) -> None:
    """
    What those modules import only when used is there too.
    """
    code = "import datetime\ndatetime.datetime.strptime('2026-01-02', '%Y-%m-%d').strftime('%A')"

    assert (await tools.ask("python.run", code=code))["value"] == "'Friday'"


async def test_python_wrong(tools: Standard) -> None:
    """
    A program's error comes back with its line, and with what was printed before.
    """
    failed = await tools.fail("python.run", code="print('so far')\n1 / 0")

    said = "The program failed: line 2: ZeroDivisionError: division by zero\nprinted before: so far\n"
    assert failed == (INVALID, said)
    assert (
        "The program cannot be read: line 1: SyntaxError" in (await tools.fail("python.run", code="1 +"))[1]
    )
    assert "these modules are there" in (await tools.fail("python.run", code="import socket"))[1]


@pytest.mark.parametrize(
    ("code", "result"),
    [
        ("print(1); sys.exit(3)", {"stdout": "1\n", "exit_code": 3}),
        ("sys.exit('no such thing')", {"stdout": "no such thing\n", "exit_code": 1}),
        ("sys.exit()", {"stdout": ""}),
    ],
)
async def test_python_exit(tools: Standard, code: str, result: dict[str, object]) -> None:
    """
    A program that ends itself says how, beside what it printed.
    """
    assert result == await tools.ask("python.run", code=f"import sys; {code}")


async def test_python_bounds(tools: Standard) -> None:
    """
    Endless computing ends in its own kind of failure, endless printing in a cut.
    """
    flood = await tools.ask("python.run", code="print('x' * 1_000_000)")

    assert (len(flood["stdout"]), flood["cut"]) == (60_000, "940001 more characters were printed")
    assert (await tools.fail("python.run", code="while True: pass"))[0] is FailureKind.OUT_OF_FUEL


REACHES = [
    "open('/mnt/scratch/secret.txt').read()",
    "open('/etc/passwd').read()",
    "__import__('os').listdir('/')",
    "__import__('ironclaw_guest').http('GET', 'https://api.example.com/')",
]


@pytest.mark.parametrize("code", REACHES)
async def test_python_reaches_nothing(tools: Standard, code: str) -> None:
    """
    A program sees no file, not even the workspace's, and no network.
    """
    (tools.folder / "secret.txt").write_text("secret")

    assert (await tools.fail("python.run", code=code))[0] in (INVALID, DENIED)
    assert tools.internet.requests == []


async def test_get(tools: Standard) -> None:
    """
    An allowed address is fetched; the tool sees status, some headers and text.
    """
    body = "grüße".encode()
    lines = f"Content-Type: text/plain\r\nSet-Cookie: a=b\r\nContent-Length: {len(body)}\r\n\r\n"
    tools.internet.answer = lambda _number, _seen: b"HTTP/1.1 200 OK\r\n" + lines.encode() + body
    found = await tools.ask("http.get", url=f"https://{HOST}/x?y=1", headers={"Accept": "text/plain"})

    assert found == {"status": 200, "headers": {"content-type": "text/plain"}, "text": "grüße"}
    assert tools.internet.requests[0].path == "/x?y=1"


async def test_head(tools: Standard) -> None:
    """
    HEAD asks for the headers only.
    """
    await tools.ask("http.get", url=f"https://{HOST}/", head=True)

    assert tools.internet.requests[0].method == "HEAD"


async def test_post(tools: Standard) -> None:
    """
    A body is sent as JSON, or as text, with a type that fits; or there is none.
    """
    await tools.ask("http.post", url=f"https://{HOST}/", body={"a": 1})
    await tools.ask("http.post", url=f"https://{HOST}/", text="hi", headers={"Content-Type": "text/csv"})
    await tools.ask("http.post", url=f"https://{HOST}/")
    sent = [(seen.headers.get("content-type"), seen.body) for seen in tools.internet.requests]

    assert sent[:2] == [("application/json", b'{"a": 1}'), ("text/csv", b"hi")]
    assert sent[2][1] == b""


@pytest.mark.parametrize("url", ["https://evil.test/", f"http://{HOST}/", "https://127.0.0.1/", "no address"])
async def test_not_allowed(tools: Standard, url: str) -> None:
    """
    Another host is denied, without a look-up.
    """
    assert (await tools.fail("http.get", url=url))[0] is DENIED
    assert (await tools.fail("http.post", url=url, text="x"))[0] is DENIED
    assert tools.internet.lookups == []


async def test_host_is_down(tools: Standard) -> None:
    """
    An allowed host that gives no answer is unavailable, which is not denied.
    """
    tools.internet.meet({})

    assert await tools.fail("http.get", url=f"https://{HOST}/") == (UNAVAILABLE, f"{HOST} has no address.")
