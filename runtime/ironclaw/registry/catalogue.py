"""Loads toolboxes from folders and answers by name."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from ironclaw.errors import SettingsError, ToolboxError
from ironclaw.registry import arguments
from ironclaw.registry.arguments import Fault
from ironclaw.registry.installed import Installed
from ironclaw.registry.model import LeftOut, Tool, Toolbox
from ironclaw.registry.reading import MANIFEST, load_toolbox
from ironclaw.registry.schemas import validator
from ironclaw.task import Json, ToolOffer


class Registry:
    """The tools there are.  They change all at once, by :meth:`replace`, or not at all."""

    def __init__(self, tools: Iterable[Tool], left_out: Sequence[LeftOut] = ()) -> None:
        """
        :param left_out: toolboxes whose tools are not there, and why
        :raises ToolboxError: two toolboxes have one name, or two tools have
        """
        self.left_out = tuple(left_out)
        self._tools = _by_name(tools)
        self._validators = {name: validator(tool.schema) for name, tool in self._tools.items()}
        self._has: Callable[[str, str], bool] = lambda tenant, toolbox: True

    @classmethod
    def load(
        cls, folders: Sequence[Path], installed: Installed | None = None, more: Iterable[Tool] = ()
    ) -> Registry:
        """Every toolbox in these folders: a folder may be one, or hold some.

        :param folders: the operator's own, which are trusted by their path
        :param installed: what was added, which must be signed; left out where the signature does not count
        :param more: tools that no component carries out
        :raises ToolboxError: names the file and the field; one wrong toolbox and nothing is loaded
        :raises SettingsError: a folder is not there
        """
        own = (tool for each in folders for path in _toolbox_folders(each) for tool in load_toolbox(path))
        added, left_out = installed.all() if installed else ([], ())
        return cls([*own, *added, *more], left_out)

    def replace(self, fresh: Registry) -> None:
        """Have the tools of another one from now on.  A tool that somebody got before stays as it was."""
        self._tools, self._validators = fresh._tools, fresh._validators
        self.left_out = fresh.left_out

    def restrict(self, has: Callable[[str, str], bool]) -> None:
        """Ask from now on, of a tenant's and a toolbox's name, whether that one has its tools.

        It stays so, whatever tools come by :meth:`replace`.
        """
        self._has = has

    def is_for(self, tenant: str, tool: Tool) -> bool:
        """Whether a tenant may know of a tool."""
        return tool.is_for(tenant) and self._has(tenant, tool.toolbox.name)

    def without(self, gone: Sequence[LeftOut]) -> Registry:
        """The same without some toolboxes."""
        names = {each.name for each in gone}
        rest = [tool for tool in self.tools if tool.toolbox.name not in names]
        return Registry(rest, (*self.left_out, *gone))

    @property
    def toolboxes(self) -> tuple[Toolbox, ...]:
        """The toolboxes, in the order of their names."""
        found = {tool.toolbox.name: tool.toolbox for tool in self._tools.values()}
        return tuple(found[name] for name in sorted(found))

    @property
    def tools(self) -> tuple[Tool, ...]:
        """The tools, in the order of their names."""
        return tuple(self._tools[name] for name in sorted(self._tools))

    def get(self, name: str) -> Tool | None:
        """The tool of exactly this name: no other case, no look-alike, no invisible character."""
        return self._tools.get(name)

    def of(self, tenant: str, names: tuple[str, ...] | None = None) -> tuple[Tool, ...]:
        """A tenant's tools, in the order of their names.

        :param names: only these; names that no tool has are left out
        """
        return tuple(
            tool for tool in self.tools if self.is_for(tenant, tool) and (names is None or tool.name in names)
        )

    def offers(self, tenant: str, names: tuple[str, ...] | None = None) -> tuple[ToolOffer, ...]:
        """What a tenant's brain may know of its tools.

        :param names: as :meth:`of`
        """
        found = self.of(tenant, names)
        return tuple(ToolOffer(tool.name, tool.description, copy.deepcopy(tool.schema)) for tool in found)

    def validate(self, tool: Tool, args: Mapping[str, Json]) -> list[str]:
        """What is wrong with the arguments, in short sentences with pointers; [] for nothing."""
        return [fault.sentence for fault in self.faults(tool, args)]

    def faults(self, tool: Tool, args: Mapping[str, Json]) -> list[Fault]:
        """What is wrong with the arguments, each with the pointer of the argument."""
        return arguments.faults(self._validators[tool.name], args)

    def with_defaults(self, tool: Tool, args: Mapping[str, Json]) -> dict[str, Json]:
        """The arguments as the tool will get them: what is missing has its default.

        :raises BadRequest: that makes them too long
        """
        return dict(arguments.with_defaults(tool.schema, dict(args)))

    def defaulted(self, tool: Tool, args: Mapping[str, Json]) -> tuple[str, ...]:
        """JSON pointers of the arguments that :meth:`with_defaults` fills in."""
        return tuple(arguments.defaulted(tool.schema, dict(args)))


def _by_name(tools: Iterable[Tool]) -> dict[str, Tool]:
    found: dict[str, Tool] = {}
    folders: dict[str, Path] = {}
    for tool in tools:
        folder = tool.toolbox.folder
        if folders.setdefault(tool.toolbox.name, folder) != folder:
            raise ToolboxError(
                f"{folder}: there is a toolbox {tool.toolbox.name} in {folders[tool.toolbox.name]}"
            )
        if other := found.get(tool.name):
            raise ToolboxError(f"{folder}: the toolbox {other.toolbox.name} has a tool {tool.name} too")
        found[tool.name] = tool
    return found


def _toolbox_folders(folder: Path) -> Iterator[Path]:
    """The folder itself and its children, where they hold a manifest; hidden ones are passed over."""
    if not folder.is_dir():
        raise SettingsError(f"toolboxes: {folder}: there is no such folder. Make it, or take it out.")
    children = sorted(child for child in folder.iterdir() if not child.name.startswith("."))
    yield from (each for each in (folder, *children) if (each / MANIFEST).is_file())
