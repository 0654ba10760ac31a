"""How much people may be asked: nobody is nagged into a yes."""

from __future__ import annotations

from ironclaw.settings import TenantSettings
from ironclaw.store import Store
from ironclaw.task import Opinion, ToolCall, Verdict

WINDOW = 3600.0  #: Seconds that a no holds for the same call of the same person.
NO_TENANT = TenantSettings.model_validate({})


async def too_much(
    store: Store, call: ToolCall, tenant: TenantSettings, now: float, cards: int = 1
) -> Opinion | None:
    """Why nobody is asked about this call, or None to ask.

    :param call: which policy sends to review
    :param cards: of its turn, with its own
    """
    since = now - WINDOW
    if await store.approvals.denied_before(call.tenant, call.requester, call.tool, call.args, since):
        return Opinion(
            Verdict.DENY,
            "denied-before",
            "A person has already denied this same call. Do not propose it again.",
        )
    asked = await store.approvals.asked(
        call.tenant, call.requester, call.workflow_id, since, tenant.cards_per_hour
    )
    if asked.cards + cards > tenant.cards_per_workflow or asked.lately + cards > tenant.cards_per_hour:
        return Opinion(
            Verdict.DENY,
            "too-many-cards",
            "People were asked too often already, so this was not. Go on without it, or ask again later.",
        )
    return None
