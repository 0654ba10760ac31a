"""The ReAct loop: ask for a move, judge it, carry it out, remember it."""

from ironclaw.orchestrator.body import Body
from ironclaw.orchestrator.loop import Budgets, Orchestrator

__all__ = ["Body", "Budgets", "Orchestrator"]
