"""The tools of GitHub: what only reads is in ``reading``, what changes something in ``changing``."""

import changing
import reading

__all__ = ["changing", "reading"]
