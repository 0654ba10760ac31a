"""The composition root and the engine's face: ``async with open_app(settings) as app``."""

from ironclaw.app.compose import open_app
from ironclaw.app.engine import Ironclaw

__all__ = ["Ironclaw", "open_app"]
