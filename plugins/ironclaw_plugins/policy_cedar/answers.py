"""What Cedar answers to the two questions about one call."""

from __future__ import annotations

from dataclasses import dataclass

from ironclaw_plugins.policy_cedar.rules import Rule


@dataclass(frozen=True, slots=True)
class Answer:
    """Cedar's answer to one question."""

    is_yes: bool
    rules: tuple[Rule, ...]  #: That decided: of a yes all permits that match, of a no all forbids.
    error: str = ""


@dataclass(frozen=True, slots=True)
class Answers:
    """To both questions."""

    run: Answer  #: May it run on its own?
    ask: Answer  #: May it run at all, be it with approval?

    @property
    def error(self) -> str:
        """Why neither answer counts, "" where both do."""
        return self.run.error or self.ask.error
