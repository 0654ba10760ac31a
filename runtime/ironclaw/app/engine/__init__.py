"""The engine as the doors see it.

``face`` is all of it, ``work`` what is asked of it, ``reviews`` what people decide, ``running`` the chores
behind, ``parts`` what it is put together from.
"""

from ironclaw.app.engine.face import Ironclaw
from ironclaw.app.engine.parts import Parts

__all__ = ["Ironclaw", "Parts"]
