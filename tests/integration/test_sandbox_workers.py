"""The worker processes: killed, bound, bounded, replaced, and never left behind."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes import sandbox as fakes
from tests.fakes.sandbox import ANY_HTTP, KEY, Caller, Recorder, children, resident, saved, toolbox

from ironclaw.capabilities import HttpRequest, HttpResponse, Limits, Scratch
from ironclaw.errors import EgressDenied, EgressUnavailable, SandboxError
from ironclaw.sandbox import Component, Profile, Sandbox
from ironclaw.sandbox.codecache import CodeCache, sealed_memory
from ironclaw.sandbox.conversation import Conversation
from ironclaw.sandbox.process import WorkerProcess, start
from ironclaw.task import FailureKind, ToolFailure

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

ENDLESS = Limits(fuel=10**12, seconds=0.3)


STRANGERS: set[int] = set()  #: Children of this process that belong to other tests: their PostgreSQL, say.


@pytest.fixture(scope="module", autouse=True)
def _strangers() -> None:
    STRANGERS.update(children())


def workers() -> set[int]:
    """The process ids of the sandboxes' workers, ended but unawaited ones too."""
    return children() - STRANGERS


@pytest.fixture
async def sandbox(code_cache: Path) -> AsyncIterator[Sandbox]:
    sandbox = await Sandbox.open(cache_dir=code_cache, cache_key=KEY)
    yield sandbox
    await sandbox.close()


@pytest.fixture
def caller(tmp_path: Path) -> Caller:
    return Caller(saved(tmp_path, toolbox()), tmp_path / "scratch")


@pytest.fixture
def asker(tmp_path: Path) -> Caller:
    """Its tool sends one request and answers with its input."""
    return Caller(saved(tmp_path, fakes.asking_toolbox()), tmp_path / "scratch")


async def test_usage(sandbox: Sandbox, caller: Caller) -> None:
    """
    A result says what it used.
    """
    result = await sandbox.call(caller.call(arguments={"a": 1}), Recorder())

    assert ('{"a": 1}', None) == (result.output, result.failure)
    assert (8, 8) == (result.usage.bytes_in, result.usage.bytes_out)
    assert 0 < (result.usage.fuel or 0) < 1_000
    assert 1 << 16 <= result.usage.memory_bytes < 4 << 20
    assert 0 < result.usage.seconds < 5


@pytest.mark.parametrize(
    ("run", "kind"),
    [
        (fakes.LOOP, FailureKind.OUT_OF_FUEL),
        (fakes.TRAP, FailureKind.TRAPPED),
        (fakes.GARBAGE, FailureKind.INTERNAL),
    ],
)
async def test_bad_guest(sandbox: Sandbox, tmp_path: Path, run: str, kind: FailureKind) -> None:
    """
    A guest that loops, traps or talks nonsense, also when it is warmed, is a typed failure.
    """
    caller = Caller(saved(tmp_path, toolbox(run)), tmp_path / "scratch")
    result = await sandbox.call(caller.call(), Recorder())

    assert kind == (result.failure.kind if result.failure else None)


async def test_looping_start(sandbox: Sandbox, tmp_path: Path) -> None:
    """
    A component that computes for ever before its first call cannot be started, in a typed way.
    """
    caller = Caller(saved(tmp_path, toolbox(start=fakes.LOOP)), tmp_path / "scratch")
    result = await sandbox.call(caller.call(), Recorder())

    message = "The toolbox cannot be started: The tool used up its computing budget."
    assert ToolFailure(FailureKind.CRASHED, message) == result.failure


@pytest.mark.parametrize("text", ["\ud800", "x" * (1 << 20) + "x"], ids=["surrogate", "too long"])
async def test_bad_input(sandbox: Sandbox, caller: Caller, text: str) -> None:
    """
    Input that cannot travel is refused before a worker sees it.
    """
    result = await sandbox.call(replace(caller.call(), input=text), Recorder())

    assert FailureKind.INVALID_INPUT == (result.failure.kind if result.failure else None)


async def test_killed_while_idle(sandbox: Sandbox, caller: Caller) -> None:
    """
    Every worker is killed from outside: the next call is served as if nothing had been.
    """
    await sandbox.call(caller.call(), Recorder())
    await settled(sandbox)
    await asyncio.gather(*(killed(pid) for pid in workers()))
    result = await sandbox.call(caller.call(), Recorder())

    assert "{}" == result.output


async def test_killed_in_a_call(sandbox: Sandbox, asker: Caller) -> None:
    """
    A worker that dies in the middle is a crash of that call only.
    """

    async def kill_all(_request: HttpRequest) -> HttpResponse:
        for pid in workers():
            os.kill(pid, signal.SIGKILL)
        return fakes.OK

    crashed = await sandbox.call(asker.call(http=ANY_HTTP), Recorder(kill_all))
    served = await sandbox.call(asker.call(http=ANY_HTTP), Recorder())

    assert ToolFailure(FailureKind.CRASHED, "The tool's worker process died.") == crashed.failure
    assert "{}" == served.output


async def test_timeout(sandbox: Sandbox, tmp_path: Path) -> None:
    """
    A tool that computes past its wall clock is killed, and its fuel is not guessed.
    """
    caller = Caller(saved(tmp_path, toolbox(fakes.LOOP)), tmp_path / "scratch")
    result = await sandbox.call(caller.call(limits=ENDLESS), Recorder())

    assert FailureKind.TIMEOUT == (result.failure.kind if result.failure else None)
    assert result.usage.fuel is None
    assert 0.3 <= result.usage.seconds < 2


async def test_timeout_in_a_request(sandbox: Sandbox, asker: Caller) -> None:
    """
    The wall clock covers what the host does for the tool, and ends that too.
    """
    ended = asyncio.Event()

    async def never(_request: HttpRequest) -> HttpResponse:
        try:
            return await asyncio.Future()
        finally:
            ended.set()

    result = await sandbox.call(asker.call(http=ANY_HTTP, limits=ENDLESS), Recorder(never))

    assert FailureKind.TIMEOUT == (result.failure.kind if result.failure else None)
    assert ended.is_set()


async def test_cancel(sandbox: Sandbox, asker: Caller) -> None:
    """
    Cancelling a call ends its worker, and the next call is served.
    """
    asked = asyncio.Event()

    async def never(_request: HttpRequest) -> HttpResponse:
        asked.set()
        return await asyncio.Future()

    call = asyncio.create_task(sandbox.call(asker.call(http=ANY_HTTP), Recorder(never)))
    await asked.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    assert "{}" == (await sandbox.call(asker.call(http=ANY_HTTP), Recorder())).output


@pytest.mark.parametrize("error", [EgressDenied("no"), EgressUnavailable("no"), OSError("no"), KeyError()])
async def test_failing_host(sandbox: Sandbox, asker: Caller, error: Exception) -> None:
    """
    Whatever sending a request raises, the tool gets a refusal and goes on.
    """

    async def fail(_request: HttpRequest) -> HttpResponse:
        raise error

    result = await sandbox.call(asker.call(http=ANY_HTTP), Recorder(fail))

    assert "{}" == result.output


@pytest.mark.parametrize(
    "response",
    [HttpResponse(200, (("x", "\udc80"),)), HttpResponse(200, (), bytes(3 << 20)), HttpResponse(70_000)],
    ids=["no Unicode", "too long", "no status"],
)
async def test_hostile_server(sandbox: Sandbox, asker: Caller, response: HttpResponse) -> None:
    """
    An answer that cannot be passed on is refused to the tool, which goes on.
    """

    async def answer(_request: HttpRequest) -> HttpResponse:
        return response

    result = await sandbox.call(asker.call(http=ANY_HTTP), Recorder(answer))

    assert "{}" == result.output


@pytest.mark.parametrize("spares", [True, False])
async def test_before_a_call(code_cache: Path, tmp_path: Path, spares: bool) -> None:
    """
    A worker is kept ready for whoever comes next, unless nobody is expected; a call runs either way.
    """
    root = tmp_path / "scratch"
    caller = Caller(saved(tmp_path, toolbox()), root)
    sandbox = await Sandbox.open(cache_dir=code_cache, cache_key=KEY, scratch_root=root, spares=spares)
    try:
        await sandbox.prepare(caller.component)
        ready = len(sandbox._pool._spares)
        result = await sandbox.call(caller.call(arguments={"a": 1}), Recorder())
    finally:
        await sandbox.close()

    assert (int(spares), '{"a": 1}') == (ready, result.output)


@pytest.mark.sandbox
@pytest.mark.timeout(300)
async def test_bound_for_life(built_toolboxes: Path, code_cache: Path, tmp_path: Path) -> None:
    """
    A worker that served one tenant cannot open another's files, whoever orders it to.
    """
    caller = Caller(await prepared_probe(built_toolboxes, code_cache), tmp_path)
    for tenant in ("acme", "rival"):
        (tmp_path / tenant).mkdir()
        (tmp_path / tenant / "secret.txt").write_text("secret")
    worker = await started(caller, code_cache)
    order = {"arguments": {"name": "secret.txt"}, "scratch": Scratch.READ}
    try:
        own = await Conversation(worker, caller.call("probe.read", **order), Recorder()).hold()
        foreign = await Conversation(
            worker, caller.call("probe.read", tenant="rival", **order), Recorder()
        ).hold()
    finally:
        await worker.kill()

    assert '{"text": "secret"}' == own.output
    assert FailureKind.DENIED == (foreign.failure.kind if foreign.failure else None)


@pytest.mark.sandbox
@pytest.mark.timeout(300)
async def test_each_call_sees_its_own(built_toolboxes: Path, code_cache: Path, tmp_path: Path) -> None:
    """
    Whatever the call before it was shown, and the next instance with it, a call sees what it may see.
    """
    caller = Caller(await prepared_probe(built_toolboxes, code_cache), tmp_path)
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme" / "old").write_text("old")
    worker = await started(caller, code_cache)
    views = [Scratch.READ, Scratch.NONE, Scratch.WRITE, Scratch.READ, Scratch.WRITE, Scratch.NONE]
    seen = []
    try:
        for view in views:
            read = caller.call("probe.read", {"name": "old"}, scratch=view)
            write = caller.call("probe.write", {"name": "new", "text": ""}, scratch=view)
            results = [await Conversation(worker, call, Recorder()).hold() for call in (read, write)]
            seen.append([result.output is not None for result in results])
    finally:
        await worker.kill()

    assert [[view is not Scratch.NONE, view is Scratch.WRITE] for view in views] == seen


async def prepared_probe(built: Path, code_cache: Path) -> Component:
    """The malicious toolbox, with its compiled code in the cache."""
    path = built / "probe" / "component.wasm"
    digest = await asyncio.to_thread(lambda: hashlib.sha256(path.read_bytes()).hexdigest())
    component = Component(path, digest, Profile.SCRATCH)
    sandbox = await Sandbox.open(cache_dir=code_cache, cache_key=KEY)
    await sandbox.prepare(component)
    await sandbox.close()
    return component


async def started(caller: Caller, code_cache: Path) -> WorkerProcess:
    """A worker without a pool that knows whose it is."""
    code = sealed_memory(CodeCache(code_cache, KEY).load(caller.component) or b"")
    try:
        return await start(caller.component.profile, code, caller.root)
    finally:
        os.close(code)


async def test_bounded(caller: Caller, sandbox: Sandbox) -> None:
    """
    Many tenants at once share two workers, beside one spare and two that are just being ended.
    """
    calls = [sandbox.call(caller.call(tenant=f"t{n}"), Recorder()) for n in range(8)]
    results = await asyncio.gather(*calls)

    assert ["{}"] * 8 == [result.output for result in results]
    assert len(workers()) <= 5


async def test_own_worker_stays(caller: Caller, sandbox: Sandbox) -> None:
    """
    A tenant's next call finds its worker alive: no process is started for it.
    """
    await sandbox.call(caller.call(), Recorder())
    await sandbox.call(caller.call(tenant="other"), Recorder())
    await settled(sandbox)
    before = workers()
    for tenant in ("acme", "other"):
        await sandbox.call(caller.call(tenant=tenant), Recorder())

    assert before == workers()


async def test_nothing_leaks(caller: Caller, sandbox: Sandbox) -> None:
    """
    After 200 calls there are as many open files, and about as much memory, as after 20.
    """

    def held() -> tuple[int, int, int]:
        (mine,) = [pid for pid in workers() if pid not in spares]
        return len(os.listdir("/proc/self/fd")), len(os.listdir(f"/proc/{mine}/fd")), resident(mine)

    await sandbox.call(caller.call(), Recorder())
    spares = {worker.result().pid for worker in sandbox._pool._spares.values() if await worker}
    for _ in range(20):
        await sandbox.call(caller.call(), Recorder())
    files, worker_files, memory = held()
    for _ in range(180):
        await sandbox.call(caller.call(), Recorder())

    assert (files, worker_files) == held()[:2]
    assert held()[2] - memory < 1 << 20


async def test_worker_has_nothing(caller: Caller, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A worker inherits no environment and no open file but its pipe and its sealed code.
    """
    monkeypatch.setenv("IRONCLAW_SECRET", "in the environment")
    inherited, other = os.pipe()
    os.set_inheritable(inherited, True)
    await sandbox.call(caller.call(), Recorder())
    await settled(sandbox)
    held = {pid: (environment(pid), open_files(pid)) for pid in workers()}
    os.close(inherited)
    os.close(other)

    assert 2 == len(held)
    for pid, (variables, files) in held.items():
        own = {f"/proc/{pid}/task", f"/proc/{pid}/statm", "/memfd"}
        assert (b"", {"/dev/null", "socket"} | own) == (variables, files)


def environment(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


def open_files(pid: int) -> set[str]:
    return {os.readlink(link).split(":")[0] for link in Path(f"/proc/{pid}/fd").iterdir()}


async def settled(sandbox: Sandbox) -> None:
    """Until the spares are ready and the dead are gone."""
    await asyncio.gather(*sandbox._pool._spares.values(), *sandbox._pool._errands)


async def test_recreated_folder(sandbox: Sandbox, caller: Caller) -> None:
    """
    A tenant whose folder was removed and made anew is served in the new one.
    """
    component = replace(caller.component, profile=Profile.SCRATCH)
    call = Caller(component, caller.root).call(scratch=Scratch.WRITE)
    await sandbox.call(call, Recorder())
    call.scratch.rename(call.scratch.with_name("gone"))
    result = await sandbox.call(call, Recorder())

    assert "{}" == result.output
    assert 0o700 == call.scratch.stat().st_mode & 0o777


async def test_unusual_root(sandbox: Sandbox, caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The folder above the tenants' may be a symbolic link, and its path relative.
    """
    caller.root.mkdir()
    caller.root.with_name("link").symlink_to(caller.root)
    monkeypatch.chdir(caller.root.parent)
    component = replace(caller.component, profile=Profile.SCRATCH)
    result = await sandbox.call(Caller(component, Path("link")).call(scratch=Scratch.WRITE), Recorder())

    assert "{}" == result.output
    assert (caller.root / "acme").is_dir()


@pytest.mark.parametrize("name", ["..", ".", "", "a/b", "/elsewhere"])
async def test_outside_the_root(caller: Caller, code_cache: Path, name: str) -> None:
    """
    A tenant whose name is no plain folder name gets neither the root nor what lies around it.
    """
    sandbox = await Sandbox.open(cache_dir=code_cache, cache_key=KEY, scratch_root=caller.root)
    with pytest.raises(SandboxError):
        await sandbox.call(caller.call(tenant=name), Recorder())
    await sandbox.close()


@pytest.mark.parametrize("name", ["..", "link", "file"])
async def test_bad_folder(sandbox: Sandbox, caller: Caller, name: str) -> None:
    """
    A tenant's folder that is no folder, or lies elsewhere, is not used.
    """
    caller.root.mkdir()
    (caller.root / "link").symlink_to("/")
    (caller.root / "file").touch()
    with pytest.raises(SandboxError):
        await sandbox.call(caller.call(tenant=name), Recorder())


async def test_close_in_a_call(code_cache: Path, asker: Caller) -> None:
    """
    Closing ends calls that run, refuses those that wait and later ones, and leaves no process.
    """
    sandbox = await Sandbox.open(cache_dir=code_cache, cache_key=KEY, workers=1)
    asked = asyncio.Event()

    async def never(_request: HttpRequest) -> HttpResponse:
        asked.set()
        return await asyncio.Future()

    running = asyncio.create_task(sandbox.call(asker.call(http=ANY_HTTP), Recorder(never)))
    await asked.wait()
    waiting = asyncio.create_task(sandbox.call(asker.call(), Recorder()))
    await asyncio.sleep(0)
    await sandbox.close()
    for refused in (waiting, sandbox.call(asker.call(), Recorder())):
        with pytest.raises(SandboxError):
            await refused

    message = "The sandbox was closed while the tool ran."
    assert ToolFailure(FailureKind.CRASHED, message) == (await running).failure
    assert set() == workers()


async def test_supervisor_dies(code_cache: Path, caller: Caller) -> None:
    """
    Workers do not outlive a supervisor that was killed, even one that computes for ever.
    """
    program = Path(__file__).parents[1] / "fakes" / "sandbox_owner.py"
    arguments = [
        str(code_cache),
        str(caller.root),
        str(saved(caller.component.path.parent, toolbox(fakes.LOOP)).path),
    ]
    owner = await asyncio.create_subprocess_exec(
        sys.executable, str(program), *arguments, stdout=asyncio.subprocess.PIPE
    )
    assert owner.stdout is not None
    await owner.stdout.readline()
    workers = [os.pidfd_open(pid) for pid in children(owner.pid)]
    owner.kill()
    await owner.wait()
    await asyncio.gather(*(_gone(fd) for fd in workers))

    assert workers


async def killed(pid: int) -> None:
    pidfd = os.pidfd_open(pid)
    os.kill(pid, signal.SIGKILL)
    await _gone(pidfd)


async def _gone(pidfd: int) -> None:
    gone = asyncio.Event()
    asyncio.get_running_loop().add_reader(pidfd, gone.set)
    await asyncio.wait_for(gone.wait(), 5)
    asyncio.get_running_loop().remove_reader(pidfd)
    os.close(pidfd)
