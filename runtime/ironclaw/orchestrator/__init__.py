"""The ReAct loop: ask for a move, judge it, carry it out, remember it.

``loop`` says when; ``context`` is what the brain sees, ``judging`` gives its calls their verdicts,
``body`` carries out what may run, and ``editing`` lets a person change what waits.
"""

from ironclaw.orchestrator.body import Body
from ironclaw.orchestrator.editing import Editor
from ironclaw.orchestrator.loop import STOPPED, Orchestrator

__all__ = ["STOPPED", "Body", "Editor", "Orchestrator"]
