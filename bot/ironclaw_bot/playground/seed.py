"""The two workspaces as they are on the first morning."""

from __future__ import annotations

from ironclaw_bot.playground.world import Channel, Json, Team

#: What the app asks for at installation, unless the playground is started with other scopes.
DEFAULT_SCOPES = frozenset(
    {
        "app_mentions:read",
        "assistant:write",
        "channels:history",
        "chat:write",
        "commands",
        "groups:history",
        "im:history",
        "im:write",
        "mpim:history",
        "usergroups:read",
        "users:read",
    }
)
DEFAULT_EVENTS = frozenset(
    {
        "agent_session_stopped",
        "app_home_opened",
        "app_mention",
        "app_uninstalled",
        "message.im",
        "tokens_revoked",
    }
)
PRIMARY = "T0001"
SECOND = "T0002"
#: A company that has no app: its people appear through Slack Connect only.
OUTSIDE = "T0009"


def both_teams() -> dict[str, Team]:
    acme = _team(PRIMARY, "Acme", "A0001", "1")
    _people(acme, ("ADA", "Ada Okafor"), ("BO", "Bo Lindqvist"), ("CY", "Cy Moreno"))
    _strangers(acme, ("GIL", "Gil Tanaka"), ("EVE", "Eve Stone"))
    acme.usergroups["S1LEADS"] = ["U1CY"]
    globex = _team(SECOND, "Globex", "A0001", "2")
    _people(globex, ("DEE", "Dee Anand"), ("EL", "El Marsh"), ("FIN", "Fin Novak"))
    _strangers(globex, ("GIA", "Gia Rossi"), ("IKE", "Ike Reyes"))
    for team in (acme, globex):
        _channels(team)
    return {team.id: team for team in (acme, globex)}


def _team(team_id: str, name: str, app_id: str, number: str) -> Team:
    bot_user = f"U{number}IRONCLAW"
    team = Team(team_id, name, name.lower(), app_id, f"B{number}IRONCLAW", bot_user)
    team.users[bot_user] = {**_user(team_id, bot_user, "ironclaw", "IronClaw"), "is_bot": True}
    return team


def _people(team: Team, *people: tuple[str, str]) -> None:
    for short, name in people:
        user_id = f"U{team.id[-1]}{short}"
        team.users[user_id] = _user(team.id, user_id, short.lower(), name)


def _strangers(team: Team, guest: tuple[str, str], external: tuple[str, str]) -> None:
    """A single-channel guest, and somebody of another company through Slack Connect."""
    _people(team, guest)
    team.users[f"U{team.id[-1]}{guest[0]}"] |= {"is_restricted": True, "is_ultra_restricted": True}
    user_id = f"U9{external[0]}"
    outsider = _user(OUTSIDE, user_id, external[0].lower(), external[1])
    team.users[user_id] = {**outsider, "is_stranger": True}


def _user(team_id: str, user_id: str, name: str, real_name: str) -> Json:
    return {
        "id": user_id,
        "team_id": team_id,
        "name": name,
        "real_name": real_name,
        "deleted": False,
        "is_admin": False,
        "is_owner": False,
        "is_bot": False,
        "is_app_user": False,
        "is_restricted": False,
        "is_ultra_restricted": False,
        "tz": "Etc/UTC",
        "profile": {"real_name": real_name, "display_name": name, "team": team_id},
    }


def _channels(team: Team) -> None:
    """The guest sees #general only; the bot is not in #random."""
    everyone = list(team.users)
    staff = [user["id"] for user in team.users.values() if not _is_stranger(user)]
    number = team.id[-1]
    for name, members in (("general", everyone), ("ops", staff)):
        _add(team, Channel(f"C{number}{name.upper()}", name, "channel", list(members)))
    _add(team, Channel(f"C{number}APPROVALS", "approvals", "group", list(staff)))
    people = [user_id for user_id in staff if user_id != team.bot_user]
    _add(team, Channel(f"C{number}RANDOM", "random", "channel", people))
    for user_id in everyone:
        if user_id != team.bot_user:
            team.dm(user_id)


def _is_stranger(user: Json) -> bool:
    return bool(user["is_restricted"] or user.get("is_stranger"))


def _add(team: Team, channel: Channel) -> None:
    team.channels[channel.id] = channel
