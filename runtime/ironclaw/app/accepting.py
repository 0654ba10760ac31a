"""What a task must be before it is accepted."""

from __future__ import annotations

from ironclaw.errors import BadRequest, NotFound
from ironclaw.registry import Registry
from ironclaw.task import Task
from ironclaw.tenancy import Tenancy

MAX_TASK = 16_000  #: Characters of a task.


class Accepting:
    """Looks at a task before anything of it is kept."""

    def __init__(self, tenancy: Tenancy, registry: Registry, brains: frozenset[str]) -> None:
        self._tenancy = tenancy
        self._registry = registry
        self._brains = brains

    def check(self, task: Task) -> None:
        """
        :raises NotFound: no such tenant
        :raises Suspended: nothing is done for it now
        :raises BadRequest: an empty or endless task, or a brain, a tool or a place that it cannot name
        """
        if self._tenancy.tenant(task.tenant) is None:
            raise NotFound("There is no such tenant here.")
        self._tenancy.check_served(task.tenant)
        if not task.text.strip():
            raise BadRequest("The task is empty: say what you want.", "/task")
        if "\0" in task.text + task.thread:
            raise BadRequest("The task holds the character U+0000, which is no text. Leave it out.", "/task")
        if len(task.text) > MAX_TASK:
            raise BadRequest(f"The task is longer than {MAX_TASK} characters.", "/task")
        if task.brain and task.brain not in self._brains:
            raise BadRequest(f"There is no brain called {task.brain!r}.", "/brain")
        if not self._may_speak(task):
            raise BadRequest("This tenant has no Slack workspace here to answer in.", "/reply_to")
        known = {tool.name for tool in self._registry.of(task.tenant)}
        unknown = [name for name in task.tools or () if name not in known]
        if unknown:
            raise BadRequest(f"There is no tool called {unknown[0]!r}.", "/tools")

    def _may_speak(self, task: Task) -> bool:
        """A place without a team is one of the bot's own workspace: only that one's tenant may name it."""
        place = task.reply_to.place
        return task.reply_to.door != "slack" or "team" in place or task.tenant == self._tenancy.own
