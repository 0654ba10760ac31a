"""Which tools there are, what each may touch, and whether a call's arguments fit.

Toolboxes are read once, at start, and checked against manifest and signature; nothing of them runs here.
"""

from ironclaw.registry.arguments import parse_arguments
from ironclaw.registry.catalogue import Registry
from ironclaw.registry.installed import Installed
from ironclaw.registry.model import LeftOut, Tool, Toolbox, Where

__all__ = ["Installed", "LeftOut", "Registry", "Tool", "Toolbox", "Where", "parse_arguments"]
