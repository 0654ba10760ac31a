"""Toolboxes that were added: each counts only with a signature that the operator trusts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from ironclaw.errors import ToolboxError
from ironclaw.registry.model import LeftOut, Tool, Toolbox
from ironclaw.registry.reading import load_toolbox, read_file
from ironclaw.registry.signing import MAX_SIGNATURE_BYTES, SIGNATURE, Statement, read_statement
from ironclaw.registry.trust import Trust
from ironclaw.settings import Settings

FOLDER = "toolboxes"  #: In data_dir; a folder for each toolbox, of its name.


@dataclass(frozen=True, slots=True)
class Installed:
    """The folder of what was added, as one moment sees it."""

    folder: Path
    trust: Trust
    now: float  #: Unix seconds.
    but: str = ""  #: A toolbox that is passed over, because another version is about to take its place.

    @classmethod
    def of(cls, settings: Settings, now: float, but: str = "") -> Installed:
        return cls(settings.data_dir / FOLDER, Trust.of(settings), now, but)

    def all(self) -> tuple[list[Tool], tuple[LeftOut, ...]]:
        """Every tool that was added, and the toolboxes whose signature does not count today.

        :raises ToolboxError: names the file and the reason; one that is not what was signed and nothing is
            loaded
        """
        tools: list[Tool] = []
        left_out: list[LeftOut] = []
        for folder in self._folders():
            found, fault = self._in_its_place(folder)
            if fault:
                left_out.append(LeftOut(folder.name, fault))
            else:
                tools += found
        return tools, tuple(left_out)

    def load(self, folder: Path) -> list[Tool]:
        """The tools of one signed toolbox.

        :raises ToolboxError: unsigned, or the signature is wrong, of another toolbox, of nobody whom the
            operator trusts, or expired; or it is not what its manifest says
        """
        tools, fault = self._read(folder)
        if fault:
            raise ToolboxError(f"{folder / SIGNATURE}: {fault}")
        return tools

    def _in_its_place(self, folder: Path) -> tuple[list[Tool], str | None]:
        try:
            tools, fault = self._read(folder)
            if tools[0].toolbox.name != folder.name:
                raise ToolboxError(f"{folder}: holds another toolbox, {tools[0].toolbox.name}")
        except ToolboxError as error:
            raise ToolboxError(f"{error}\nAdd a good one, or run ironclaw tool rm {folder.name}.") from None
        return tools, fault

    def _read(self, folder: Path) -> tuple[list[Tool], str | None]:
        """The tools of a toolbox that is what was signed, and why that signature does not count here."""
        tools = load_toolbox(folder)
        box, shown = tools[0].toolbox, str(folder / SIGNATURE)
        statement = signed_statement(folder)
        if not statement.is_of(box):
            raise ToolboxError(f"{shown}: signs {_words(statement)}, not what lies here")
        names = [box.name, *(tool.name.partition(".")[0] for tool in tools)]
        box = replace(box, signer=statement.publisher, expires=statement.expires)
        return _of_box(tools, box), self.trust.fault(statement, names, self.now)

    def _folders(self) -> list[Path]:
        """Hidden ones are on their way in or out."""
        if not self.folder.is_dir():
            return []
        found = sorted(child for child in self.folder.iterdir() if not child.name.startswith("."))
        for each in found:
            if each.is_symlink() or not each.is_dir():
                raise ToolboxError(f"{each}: not a folder that ironclaw tool add made; remove it")
        return [each for each in found if each.name != self.but]


def signed_statement(folder: Path) -> Statement:
    """What somebody, trusted or not, signed of the toolbox in a folder.

    :raises ToolboxError: nobody, or the file is not what it should be
    """
    if not (folder / SIGNATURE).exists():
        raise ToolboxError(f"{folder}: not signed, there is no {SIGNATURE}; ironclaw tool sign makes one")
    return read_statement(read_file(folder / SIGNATURE, MAX_SIGNATURE_BYTES), str(folder / SIGNATURE))


def _of_box(tools: list[Tool], box: Toolbox) -> list[Tool]:
    return [replace(tool, toolbox=box) for tool in tools]


def _words(statement: Statement) -> str:
    digest = statement.component_sha256[:12]
    return f"{statement.name} {statement.version[:64]!r} with the component {digest}…"
