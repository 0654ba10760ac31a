"""App Home: published when somebody opens it, and again whenever a card in it changes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ironclaw.app import Ironclaw
from ironclaw.task import Address, Principal, SlackIdentity
from ironclaw_bot.slack import home
from ironclaw_bot.slack.client import ClientForTeam
from ironclaw_bot.slack.groups import Groups
from ironclaw_bot.slack.people import People

MOST_TASKS = 100  #: Of the tenant's latest, in which a person's own are looked for.


class Homes:
    """Publishes what one person sees; keeps what is known of people and groups.

    :param names: what Slack calls the workspace of a tenant that the operator gave no name
    """

    def __init__(
        self,
        app: Ironclaw,
        clients: ClientForTeam,
        names: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._app = app
        self._clients = clients
        self.people = People(clients)
        self.groups = Groups(app, clients)
        self._names = names

    async def publish(self, who: SlackIdentity) -> None:
        """Show somebody their Home as things stand."""
        principal = await self.groups.principal_of(who)
        if principal is None:
            return
        sentence = await self.people.turned_away(who, principal, self._app)
        view = home.closed(sentence) if sentence else await self._drawn(who, principal)
        await self._clients(who.team_id).views_publish(user_id=who.user_id, view=view)

    async def _drawn(self, who: SlackIdentity, principal: Principal) -> dict[str, object]:
        """The view; its cards are noted before they are drawn, so that no change of one is missed."""
        place = {"home": who.user_id, "team": who.team_id}
        mine = (await self._app.cards.waiting_for(principal))[: home.MOST_CARDS]
        await self._app.cards.copied(mine, Address("slack", place), place)
        noted = {each.id for each in mine}
        fresh = [each for each in await self._app.cards.waiting_for(principal) if each.id in noted]
        seen = home.Seen(
            mine=fresh,
            values=[self._app.button(each) for each in fresh],
            waiting=await self._app.approvals(principal.tenant),
            tasks=[
                each
                for each in await self._app.workflows(principal.tenant, MOST_TASKS)
                if each.requester == principal.id
            ],
            questions=await self._app.questions.open_for(principal),
            doubts=await self._app.doubts.open_ones(principal.tenant),
            grants=await self._app.grants(principal.tenant) if principal.is_approver else (),
        )
        return home.view(seen, self._names.get(principal.tenant, ""))
