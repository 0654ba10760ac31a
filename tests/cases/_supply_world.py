"""What the supply chain is played in: throwaway keys, toolboxes of some hundred bytes, the real commands."""

from __future__ import annotations

import contextlib
import hashlib
import io
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ironclaw.errors import IronclawError
from ironclaw.registry import Installed, Registry, Toolbox
from ironclaw.registry.signing import SIGNATURE, public_key, signed
from ironclaw.settings import Settings
from ironclaw_bot.cli import _parser
from tests.fakes.sandbox import toolbox
from tests.integration.engine import shared_code

DAY = 24 * 60 * 60
GOOD = toolbox()
MANIFEST = """
name = "{name}"
version = "{version}"
component = "component.wasm"
sha256 = "{sha256}"
{head}
[tools."{tool}"]
description = "{description}"
{more}
[tools."{tool}".schema]
type = "object"
additionalProperties = false
"""


@dataclass
class World:
    """A folder, an operator who trusts one publisher, and what they do."""

    folder: Path
    publisher: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    trusted: tuple[str, ...] | None = None  #: None: the publisher, for any name.
    revoked: tuple[str, ...] = ()

    @property
    def settings(self) -> Settings:
        trusted = (public_key(self.publisher),) if self.trusted is None else self.trusted
        paths = {"data_dir": self.folder / "data", **shared_code()}
        return Settings.model_validate({**paths, "trusted_signers": trusted, "revoked_signers": self.revoked})

    @property
    def installed(self) -> Path:
        return self.folder / "data" / "toolboxes" / "notes"

    def box(self, component: bytes = GOOD, *, is_signed: bool = True, **words: str) -> Path:
        """A built toolbox in a folder of its own, signed by the publisher."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        usual = {"name": "notes", "version": "1.0.0", "tool": "notes.add", "description": "Adds a note."}
        digest = hashlib.sha256(component).hexdigest()
        text = MANIFEST.format(**{"sha256": digest, "head": "", "more": "", **usual, **words})
        (folder / "toolbox.toml").write_text(text, "utf-8")
        (folder / "component.wasm").write_bytes(component)
        if is_signed:
            self.vouch(folder, **words)
        return folder

    def vouch(
        self, folder: Path, key: Ed25519PrivateKey | None = None, days: float = 1, **words: str
    ) -> None:
        """Sign whatever lies in a folder, also what ``tool sign`` would refuse."""
        component, manifest = (
            hashlib.sha256((folder / name).read_bytes()).hexdigest()
            for name in ("component.wasm", "toolbox.toml")
        )
        name, version = words.get("name", "notes"), words.get("version", "1.0.0")
        box = Toolbox(name, version, folder, folder / "component.wasm", component, manifest, "pure")
        content = signed(box, key or self.publisher, int(time.time() + days * DAY))
        (folder / SIGNATURE).write_bytes(content)

    async def tool(self, *words: object) -> Said:
        """``ironclaw tool ...`` as an admin types it."""
        chosen = _parser().parse_args(["tool", *map(str, words)])
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
            try:
                code = await chosen.command(self.settings, chosen)
            except IronclawError as error:
                return Said(1, out.getvalue(), str(error))
        return Said(code, out.getvalue(), "")

    async def add(self, source: Path, *options: str) -> Said:
        return await self.tool("add", source, "--yes", *options)

    def load(self, later: float = 0) -> Said:
        """What a bot that starts says of the toolboxes that were added.

        :param later: seconds from now
        """
        try:
            found = Registry.load([], Installed.of(self.settings, time.time() + later))
        except IronclawError as error:
            return Said(1, "", str(error))
        left_out = " ".join(map(str, found.left_out))
        return Said(1 if left_out else 0, " ".join(tool.name for tool in found.tools), left_out)


@dataclass(frozen=True)
class Said:
    """How a command or a start ended."""

    code: int
    out: str
    error: str

    def refused(self, because: str) -> str | None:
        """None when it was refused for this reason, else what is wrong."""
        if not self.code:
            return f"was not refused, but should have been: {because}"
        return None if because in self.error else f"{because!r} is not why: {self.error}"

    def fine(self) -> str | None:
        return self.error or None


@contextlib.contextmanager
def world(**more: tuple[str, ...]) -> Iterator[World]:
    with tempfile.TemporaryDirectory() as folder:
        yield World(Path(folder), **more)  # type: ignore[arg-type]


def packed(folder: Path, change: Callable[[tarfile.TarFile], None] = lambda archive: None) -> Path:
    """A tar archive of a toolbox's folder, as tar makes it, with what is done to it before."""
    path = folder.with_suffix(".tar")
    with tarfile.open(path, "w") as archive:
        change(archive)
        archive.add(folder, ".")
    return path


def member(name: str, **fields: object) -> Callable[[tarfile.TarFile], None]:
    """Puts one odd member into an archive."""

    def put(archive: tarfile.TarFile) -> None:
        info = tarfile.TarInfo(name)
        for key, value in fields.items():
            setattr(info, key, value)
        archive.addfile(info)

    return put


def first(*problems: str | None) -> str | None:
    """The first thing that is wrong."""
    return next((problem for problem in problems if problem), None)
