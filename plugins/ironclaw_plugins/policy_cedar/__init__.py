"""Policy by Cedar: low risk runs, high risk asks, unknown is denied, and any error is a deny.

``book`` reads and validates the files, ``rules`` and ``annotations`` what stands in them; ``facts`` and
``arguments`` put a call into Cedar's words; ``judging`` makes one opinion of the two answers; ``plugin``
is what the engine loads.
"""

from ironclaw_plugins.policy_cedar.answers import Answer, Answers
from ironclaw_plugins.policy_cedar.book import Library, check
from ironclaw_plugins.policy_cedar.judging import opinion
from ironclaw_plugins.policy_cedar.plugin import CedarPolicy, answers_about
from ironclaw_plugins.policy_cedar.rules import Rule

__all__ = ["Answer", "Answers", "CedarPolicy", "Library", "Rule", "answers_about", "check", "opinion"]
