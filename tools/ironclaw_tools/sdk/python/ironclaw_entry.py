"""What a Python toolbox is built from: the author's app, and the world's export."""

import app
from ironclaw_guest import WitWorld

__all__ = ["WitWorld", "app"]
