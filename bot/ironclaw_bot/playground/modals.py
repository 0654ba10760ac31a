"""What a person does with an open modal, and what the bot's answer does to it."""

from __future__ import annotations

from dataclasses import dataclass

from ironclaw_bot.playground import payloads
from ironclaw_bot.playground.delivery import Ack, Courier, Envelope
from ironclaw_bot.playground.hub import Hub
from ironclaw_bot.playground.inputs import state_of, unanswered
from ironclaw_bot.playground.methods.desk import Desk
from ironclaw_bot.playground.methods.views import change, close_all, close_top, push_for
from ironclaw_bot.playground.posting import seen_view
from ironclaw_bot.playground.seed import PRIMARY
from ironclaw_bot.playground.world import Json, SlackError, Team


@dataclass(frozen=True, slots=True)
class Modals:
    """Submitting and closing."""

    hub: Hub
    courier: Courier
    desk: Desk

    async def submit(
        self, user: str, view_id: str, answers: Json | None = None, *, team: str = PRIMARY
    ) -> Json:
        """Presses the submit button.

        :param answers: what was filled in, by block_id or action_id
        :return: `{"ok", "reason", "errors"}`; errors by block_id, from the client or from the bot
        :raises SlackError: not_found, when the person has no such modal on the screen
        """
        place, person, view = self._top(team, user, view_id)
        state = state_of(view["blocks"], answers or {})
        errors = unanswered(view["blocks"], state)
        if errors:
            return {"ok": False, "reason": "incomplete", "errors": errors}
        view["state"] = {"values": state}
        trigger = self.hub.new_trigger(place.id, person["id"], view_id)
        payload = payloads.view_submission(place, person, seen_view(view), trigger)
        ack = await self.courier.interact(Envelope("interactive", "view_submission", payload))
        if not ack.ok:
            return {"ok": False, "reason": ack.reason, "errors": {}}
        return self._apply(place, person["id"], view, ack)

    def _apply(self, team: Team, user_id: str, view: Json, ack: Ack) -> Json:
        """The `response_action` of the bot's answer; none closes the modal."""
        content = ack.body.get("view")
        match ack.body.get("response_action"):
            case "errors":
                return self._refused(view, ack.body.get("errors", {}))
            case "update":
                change(self.desk, team, view, content or {})
            case "push":
                push_for(self.desk, team, user_id, content or {})
            case "clear":
                close_all(team, user_id)
            case None:
                close_top(team, user_id)
            case unknown:
                raise SlackError("invalid_response_action", detail=str(unknown))
        self.desk.postbox.changed(team)
        return {"ok": True, "reason": "", "errors": {}}

    def _refused(self, view: Json, errors: Json) -> Json:
        """Slack shows an error only at an input block that exists.

        :raises SlackError: invalid_errors
        """
        known = {block["block_id"] for block in view["blocks"] if block["type"] == "input"}
        if not errors or not set(errors) <= known:
            raise SlackError("invalid_errors", detail=f"errors must name input blocks, not {sorted(errors)}")
        return {"ok": False, "reason": "errors", "errors": errors}

    async def close(self, user: str, view_id: str, *, team: str = PRIMARY) -> None:
        """Presses the cross or Escape."""
        place, person, view = self._top(team, user, view_id)
        close_all(place, person["id"]) if view["clear_on_close"] else close_top(place, person["id"])
        self.desk.postbox.changed(place)
        if view["notify_on_close"]:
            payload = payloads.view_closed(place, person, seen_view(view), view["clear_on_close"])
            await self.courier.interact(Envelope("interactive", "view_closed", payload))

    def _top(self, team: str, user: str, view_id: str) -> tuple[Team, Json, Json]:
        place = self.hub.world.team(team)
        person = place.user(user)
        stack = place.stacks.get(person["id"], [])
        if not stack or stack[-1] != view_id:
            raise SlackError("not_found")
        return place, person, place.views[view_id]
