"""The sandbox: tools run as WebAssembly, in worker processes that reach nothing but what they are handed.

``model`` says what travels and ``supervisor`` is the face.  Below it, in this process: ``pool``, ``turns``,
``process`` and ``conversation`` for the workers, ``preparing`` and ``codecache`` for the code.  In processes
of their own: ``compiler``, ``trial``; and ``worker`` with ``guest``, ``hostcalls``, ``engine``, ``landlock``,
``seccomp`` and ``hardening``.
"""

from ironclaw.sandbox.check import layers
from ironclaw.sandbox.model import Call, Component, Host, Profile
from ironclaw.sandbox.supervisor import Sandbox

__all__ = ["Call", "Component", "Host", "Profile", "Sandbox", "layers"]
