"""The sandbox: tools run as WebAssembly, in worker processes that reach nothing but what they are handed.

``model`` says what travels, and ``supervisor`` is the face.  In this process: ``pool``, ``turns``,
``process``, ``conversation`` and ``wire`` for the workers, ``preparing`` and ``codecache`` for the code,
``check`` for what this machine can hold.  In processes of their own: ``compiler`` (with ``imports``),
``trial``, and ``worker`` with ``guest``, ``failures``, ``hostcalls``, ``engine``, ``fastbytes``,
``landlock``, ``seccomp`` and ``hardening``.  ``caps`` holds on both sides.
"""

from ironclaw.sandbox.check import layers
from ironclaw.sandbox.model import Call, Component, Host, Profile
from ironclaw.sandbox.supervisor import Sandbox

__all__ = ["Call", "Component", "Host", "Profile", "Sandbox", "layers"]
