"""What each module of commands is given to put its own into the command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager

from ironclaw.settings import Settings
from ironclaw.task import Json
from ironclaw_bot.local import Here, Remote

DONE, FAILED, WRONG, WAITING = 0, 1, 2, 3  #: Exit codes.

#: What a command does; gives the exit code.
Command = Callable[[Settings, argparse.Namespace], Coroutine[None, None, int]]
Add = Callable[[str, Command, str], argparse.ArgumentParser]  #: Of a command: name, itself, what it does.
#: How to reach the bot; ``begins`` where the command may be the first of all in a folder.
OpenDoor = Callable[..., AbstractAsyncContextManager[Remote | Here]]
Told = Callable[[Json, argparse.Namespace], int]  #: Prints how a workflow stands; gives the exit code.
