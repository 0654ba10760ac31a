"""Everything that can go wrong and that IronClaw understands.

IronclawError
├── SettingsError        a setting is wrong; nothing starts
├── IdentityError        nobody we know, or not for this door
├── BadRequest           the caller's words are wrong; carries a pointer to the field
├── NotFound             no such thing, or another tenant's (one answer for both)
├── Conflict             somebody else decided or wrote first
├── Expired              nobody decided in time
├── Refused              policy, a rule or a limit says no
│   ├── Suspended        nothing is done for this tenant until its operator resumes it
│   ├── StepUpNeeded     a rule says yes, once a second factor is shown
│   └── QueueFull        as much is at work or in the queue as may be; later there is room again
├── NotAuthorized        a call without a ticket, or with one that was spent
├── TryLater             the other side asked for a pause
├── StoreError           the database refused or is not ours alone
├── ToolboxError         a toolbox is not what its manifest says
├── IndexUnavailable     what finds memories cannot be asked, or did not take them
├── BrainError           the model's server failed, or answered what nobody can use
│   └── ContextTooLong   the conversation is longer than the model can read
├── EgressDenied         a request that the allowlist does not cover
├── EgressUnavailable    an allowed request that got no usable answer
└── SandboxError         the sandbox itself cannot run (not: a tool failed, see ToolFailure)
"""

from __future__ import annotations

from typing import Any


class IronclawError(Exception):
    """Something that IronClaw understands went wrong."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.__doc__)


class SettingsError(IronclawError):
    """A setting is missing or wrong; nothing was started."""


class IdentityError(IronclawError):
    """The caller is nobody we know."""


class BadRequest(IronclawError):
    """The request's words are wrong.

    :ivar pointer: RFC 6901 pointer to the wrong field, "" for the whole body
    """

    def __init__(self, message: str | None = None, pointer: str = "") -> None:
        super().__init__(message)
        self.pointer = pointer


class NotFound(IronclawError):
    """There is no such thing for this tenant."""


class Conflict(IronclawError):
    """Somebody else was first.

    :ivar by: the principal who was, "" when it was the machine
    :ivar at: when, unix seconds; 0 when not known
    """

    def __init__(self, message: str | None = None, by: str = "", at: float = 0.0) -> None:
        super().__init__(message)
        self.by = by
        self.at = at


class Expired(IronclawError):
    """Nobody decided in time; nothing was run."""


class Refused(IronclawError):
    """A rule says no."""


class Suspended(Refused):
    """IronClaw is suspended here: nothing is done now, nothing is lost. Ask whoever runs it."""


class StepUpNeeded(Refused):
    """This needs a second factor: the code of your authenticator app."""


class QueueFull(Refused):
    """Too many tasks are at work or in the queue.

    :ivar is_everybodys: whether it is the limit of all tenants together, and not this one's own
    :ivar seconds: when to ask again
    """

    def __init__(
        self, message: str | None = None, *, is_everybodys: bool = False, seconds: float = 5.0
    ) -> None:
        super().__init__(message)
        self.is_everybodys = is_everybodys
        self.seconds = seconds


class NotAuthorized(IronclawError):
    """Nothing runs without a ticket of the veto's, and each is good once."""


class TryLater(IronclawError):
    """The other side asked for a pause.

    :ivar seconds: how long
    :ivar is_uncertain: it may have come about all the same
    :ivar is_for_all: the pause is for everything of this tenant at this door
    """

    def __init__(
        self,
        message: str | None = None,
        seconds: float = 1.0,
        *,
        is_uncertain: bool = False,
        is_for_all: bool = False,
    ) -> None:
        super().__init__(message)
        self.seconds = seconds
        self.is_uncertain = is_uncertain
        self.is_for_all = is_for_all


class StoreError(IronclawError):
    """The database cannot be used."""


class ToolboxError(IronclawError):
    """A toolbox is not what its manifest says."""


class IndexUnavailable(IronclawError):
    """What finds memories again cannot be asked now; nothing is lost, the rows have them."""


class BrainError(IronclawError):
    """The model's server failed, or gave an answer that nobody can use."""

    uses: tuple[Any, ...] = ()  #: What the requests of the turn used all the same, each a ModelUse.


class ContextTooLong(BrainError):
    """The conversation is longer than the model can read: ask in a new thread."""


class EgressDenied(IronclawError):
    """The allowlist does not cover this request."""


class EgressUnavailable(IronclawError):
    """An allowed request got no usable answer."""


class SandboxError(IronclawError):
    """The sandbox cannot run."""
