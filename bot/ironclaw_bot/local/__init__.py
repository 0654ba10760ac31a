"""The local door: the command line beside a running bot, over a Unix socket that only its owner can reach.

Who calls is what the kernel says of the other end (SO_PEERCRED), never what the call says.

``door`` is what it does, ``showing`` what it answers, ``listening`` opens it, ``asking`` calls at it.
"""

from ironclaw_bot.local.asking import Away, Here, Remote
from ironclaw_bot.local.door import METHODS, Door
from ironclaw_bot.local.listening import listen
from ironclaw_bot.local.names import LOCAL_TENANT, SOCKET, chosen_tenant, login_name
from ironclaw_bot.local.showing import shown_approval, shown_grant, shown_workflow

__all__ = [
    "LOCAL_TENANT",
    "METHODS",
    "SOCKET",
    "Away",
    "Door",
    "Here",
    "Remote",
    "chosen_tenant",
    "listen",
    "login_name",
    "shown_approval",
    "shown_grant",
    "shown_workflow",
]
