"""Policy by Cedar: low risk runs, high risk asks, unknown is denied, and any error is a deny.

``book`` reads and validates the files, ``rules`` and ``annotations`` what stands in them; ``facts`` and
``arguments`` put a call into Cedar's words; ``judging`` makes one opinion of the two answers; ``plugin``
is what the engine loads.
"""

from ironclaw_plugins.policy_cedar.book import Library
from ironclaw_plugins.policy_cedar.plugin import CedarPolicy

__all__ = ["CedarPolicy", "Library"]
