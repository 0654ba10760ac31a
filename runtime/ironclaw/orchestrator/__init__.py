"""The ReAct loop: ask for a move, judge it, carry it out, remember it.

``loop`` says when; ``context`` is what the brain sees, ``judging`` gives its calls their verdicts,
and ``body`` carries out what may run.
"""

from ironclaw.orchestrator.body import Body
from ironclaw.orchestrator.loop import Budgets, Orchestrator

__all__ = ["Body", "Budgets", "Orchestrator"]
