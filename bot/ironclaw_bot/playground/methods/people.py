"""users.*, usergroups.*, auth.test and apps.connections.open"""

from __future__ import annotations

from ironclaw_bot.playground.methods.desk import Desk, Method, need, page
from ironclaw_bot.playground.world import Json, SlackError, Team


def list_users(desk: Desk, team: Team, args: Json) -> Json:
    found, more = page(list(team.users.values()), args)
    return {"members": found, "cache_ts": int(desk.hub.clock()), "response_metadata": more}


def user_info(desk: Desk, team: Team, args: Json) -> Json:
    need(args, "user")
    if args["user"] not in team.users:
        raise SlackError("user_not_found")
    return {"user": team.users[args["user"]]}


def group_users(desk: Desk, team: Team, args: Json) -> Json:
    need(args, "usergroup")
    if args["usergroup"] not in team.usergroups:
        raise SlackError("no_such_subteam")
    return {"users": team.usergroups[args["usergroup"]]}


def auth_test(desk: Desk, team: Team, args: Json) -> Json:
    return {
        "url": f"https://{team.domain}.slack.com/",
        "team": team.name,
        "user": "ironclaw",
        "team_id": team.id,
        "user_id": team.bot_user,
        "bot_id": team.bot_id,
        "is_enterprise_install": False,
    }


def open_connection(desk: Desk, team: Team, args: Json) -> Json:
    return {"url": desk.open_socket()}


METHODS: dict[str, Method] = {
    "apps.connections.open": open_connection,
    "auth.test": auth_test,
    "usergroups.users.list": group_users,
    "users.info": user_info,
    "users.list": list_users,
}
