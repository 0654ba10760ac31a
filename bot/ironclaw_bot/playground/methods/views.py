"""views.*: modals, which stack three high, and the App Home."""

from __future__ import annotations

import secrets

from ironclaw_bot.playground.inputs import state_of
from ironclaw_bot.playground.methods.desk import Desk, Method, need
from ironclaw_bot.playground.posting import check_view, seen_view, with_block_ids
from ironclaw_bot.playground.world import Json, SlackError, Team, new_id

STACK = 3


def open_view(desk: Desk, team: Team, args: Json) -> Json:
    need(args, "trigger_id", "view")
    trigger = desk.hub.use_trigger(args["trigger_id"], team.id)
    close_all(team, trigger.user)
    return {"view": seen_view(push_for(desk, team, trigger.user, args["view"]))}


def push_view(desk: Desk, team: Team, args: Json) -> Json:
    need(args, "trigger_id", "view")
    trigger = desk.hub.use_trigger(args["trigger_id"], team.id)
    if trigger.view_id not in team.views:
        raise SlackError("view_not_found")
    return {"view": seen_view(push_for(desk, team, trigger.user, args["view"]))}


def update_view(desk: Desk, team: Team, args: Json) -> Json:
    need(args, "view")
    view = _find(team, args)
    _check_hash(view, args)
    return {"view": seen_view(change(desk, team, view, args["view"]))}


def publish(desk: Desk, team: Team, args: Json) -> Json:
    need(args, "user_id", "view")
    if args["user_id"] not in team.users:
        raise SlackError("user_not_found")
    content = check_view(args["view"])
    if content["type"] != "home":
        raise SlackError("invalid_arguments", response_metadata={"messages": ["[ERROR] type: must be home"]})
    old = team.homes.get(args["user_id"])
    if old is not None:
        _check_hash(old, args)
    view = _view(team, content, args["user_id"])
    view["id"] = old["id"] if old else view["id"]
    view["root_view_id"] = view["id"]
    team.homes[args["user_id"]] = view
    desk.postbox.changed(team)
    return {"view": seen_view(view)}


def _find(team: Team, args: Json) -> Json:
    if args.get("view_id"):
        return team.view(args["view_id"])
    need(args, "external_id")
    found = [view for view in team.views.values() if view.get("external_id") == args["external_id"]]
    if not found:
        raise SlackError("not_found")
    return found[0]


def _check_hash(view: Json, args: Json) -> None:
    if args.get("hash") and args["hash"] != view["hash"]:
        raise SlackError("hash_conflict")


def _view(team: Team, content: Json, user_id: str) -> Json:
    """The view as Slack returns it. `user` is ours: whose screen it is on."""
    view_id = new_id("V")
    blocks = with_block_ids(content["blocks"])
    return {
        "private_metadata": "",
        "callback_id": "",
        "external_id": "",
        "title": None,
        "submit": None,
        "close": None,
        "clear_on_close": False,
        "notify_on_close": False,
        **content,
        "id": view_id,
        "team_id": team.id,
        "app_id": team.app_id,
        "app_installed_team_id": team.id,
        "bot_id": team.bot_id,
        "blocks": blocks,
        "state": {"values": state_of(blocks, {})},
        "hash": f"{secrets.randbelow(10**10)}.{secrets.token_hex(4)}",
        "root_view_id": view_id,
        "previous_view_id": None,
        "user": user_id,
    }


def push_for(desk: Desk, team: Team, user_id: str, content: Json) -> Json:
    """Shows a modal on top of what a person has open.

    :raises SlackError: invalid_arguments or push_limit_reached
    """
    stack = team.stacks.setdefault(user_id, [])
    if len(stack) >= STACK:
        raise SlackError("push_limit_reached")
    view = _view(team, _modal(content), user_id)
    if stack:
        view["root_view_id"], view["previous_view_id"] = stack[0], stack[-1]
    team.views[view["id"]] = view
    stack.append(view["id"])
    desk.postbox.changed(team)
    return view


def _modal(content: Json) -> Json:
    checked = check_view(content)
    if checked["type"] != "modal":
        raise SlackError("invalid_arguments", response_metadata={"messages": ["[ERROR] type: must be modal"]})
    return checked


def change(desk: Desk, team: Team, view: Json, content: Json) -> Json:
    """Replaces what a view shows; its id and its place in the stack stay."""
    checked = check_view(content)
    if checked["type"] != view["type"]:
        raise SlackError(
            "invalid_arguments", response_metadata={"messages": ["[ERROR] type: must not change"]}
        )
    fresh = _view(team, checked, view["user"])
    for key in ("id", "root_view_id", "previous_view_id"):
        fresh[key] = view[key]
    (team.views if view["type"] == "modal" else team.homes)[
        view["id"] if view["type"] == "modal" else view["user"]
    ] = fresh
    desk.postbox.changed(team)
    return fresh


def close_top(team: Team, user_id: str) -> None:
    stack = team.stacks.get(user_id, [])
    if stack:
        team.views.pop(stack.pop(), None)


def close_all(team: Team, user_id: str) -> None:
    while team.stacks.get(user_id):
        close_top(team, user_id)


METHODS: dict[str, Method] = {
    "views.open": open_view,
    "views.publish": publish,
    "views.push": push_view,
    "views.update": update_view,
}
