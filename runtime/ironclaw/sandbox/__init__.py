"""The sandbox: tools run as WebAssembly, in worker processes that reach nothing but what they are handed.

``model`` says what travels, and ``supervisor`` is the face.  In this process: ``pool``, ``turns``,
``process``, ``conversation`` and ``wire`` for the workers, ``preparing`` and ``codecache`` for the code,
``check`` for what this machine can hold.  In processes of their own: ``compiler`` (with ``imports``),
``trial``, and ``worker`` with ``guest``, ``entry``, ``failures``, ``hostcalls``, ``engine``, ``fastbytes``,
``landlock``, ``seccomp`` and ``hardening``.  ``caps`` holds on both sides.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ironclaw.sandbox.check import layers
    from ironclaw.sandbox.model import Call, Component, Host, Profile
    from ironclaw.sandbox.supervisor import Sandbox
else:
    _HOMES = dict.fromkeys(("Call", "Component", "Host", "Profile"), "model")
    _HOMES |= {"Sandbox": "supervisor", "layers": "check"}

    def __getattr__(name: str) -> object:
        """A public name from its module, when first asked for.

        A worker is a module of this package: it must not load the supervisor, which is most of its start.
        """
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


__all__ = ["Call", "Component", "Host", "Profile", "Sandbox", "layers"]
