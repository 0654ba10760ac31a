"""The ReAct loop: ask for a move, judge it, carry it out, remember it.

``loop`` says when; ``planning`` asks the brain, ``context`` is what it sees, ``judging`` gives its calls
their verdicts, ``carrying`` carries out what may run, by ``body``; ``crashed`` settles what a crash
interrupted, ``finishing`` writes the end, and ``editing`` lets a person change what waits.
"""

from ironclaw.orchestrator.body import Body
from ironclaw.orchestrator.editing import Editor
from ironclaw.orchestrator.loop import STOPPED, Orchestrator

__all__ = ["STOPPED", "Body", "Editor", "Orchestrator"]
