"""The standard toolbox: each family of tools is one module; importing it registers its tools."""

import families.data
import families.files
import families.http
import families.python
import families.text
from ironclaw_guest import WitWorld

__all__ = ["WitWorld", "families"]
