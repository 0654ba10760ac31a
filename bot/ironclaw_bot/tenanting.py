"""What the command line does with tenants, on behalf of one local person."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ironclaw.app import Ironclaw
from ironclaw.errors import BadRequest
from ironclaw.task import Json


@dataclass(frozen=True, slots=True)
class Operator:
    """Whose machine it is decides who is served: every local person who reaches the bot's own folder."""

    app: Ironclaw
    actor: str  #: For the audit, such as ``local:bo``.

    async def do(self, verb: str, name: str = "") -> Json:
        """
        :param verb: list, reload; or show, suspend, resume, forget of one tenant
        :return: the tenants, what was taken up, or the one tenant as it is then
        :raises BadRequest: another verb, or what the verb raises
        """
        tenants = self.app.tenants
        if verb == "list":
            return await tenants.listed()
        if verb == "reload":
            return await tenants.reload(self.actor)
        changes: dict[str, Callable[[str, str], Awaitable[object]]] = {
            "suspend": tenants.suspend,
            "resume": tenants.resume,
            "forget": tenants.forget,
        }
        if verb in changes:
            await changes[verb](name, self.actor)
        elif verb != "show":
            raise BadRequest("Tenants can be listed, shown, suspended, resumed and forgotten.")
        return await tenants.shown(name)
