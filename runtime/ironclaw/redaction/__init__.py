"""Finds known values in texts, in any of the usual encodings, and puts a mark in their place."""

from ironclaw.redaction.packed import TOO_PACKED, unpacked
from ironclaw.redaction.values import MIN_LENGTH, Values

__all__ = ["MIN_LENGTH", "TOO_PACKED", "Values", "unpacked"]
