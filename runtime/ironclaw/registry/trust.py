"""Whose signatures count here, and for which names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ironclaw.registry.signing import Statement
from ironclaw.settings import Settings

EXPIRED = "the signature has expired; its publisher must sign again"


@dataclass(frozen=True, slots=True)
class Trust:
    """The operator's word on publishers.  The default trusts nobody."""

    signers: frozenset[tuple[str, str]] = frozenset()  #: (public key, namespace); "" for no namespace.
    revoked: frozenset[str] = frozenset()  #: Public keys.

    @classmethod
    def of(cls, settings: Settings) -> Trust:
        """What the settings say."""
        parts = (word.rpartition(":") for word in settings.trusted_signers)
        return cls(frozenset((key, space) for space, _, key in parts), frozenset(settings.revoked_signers))

    def fault(self, statement: Statement, names: Iterable[str], now: float) -> str | None:
        """Why a statement, whose signature is right, does not count here; None where it does.

        :param names: what the toolbox claims: its own name and its tools' families
        """
        signer = statement.publisher
        if signer in self.revoked:
            return f"the signer {signer} is revoked"
        if signer not in {key for key, _ in self.signers}:
            return f"the signer {signer} is not in trusted_signers; {self._remedy(signer, names)}"
        if statement.expires <= now:
            return EXPIRED
        foreign = [name for name in names if not self._may_name(signer, name)]
        return f"the signer {signer} may not use the name {foreign[0]}" if foreign else None

    def _remedy(self, signer: str, names: Iterable[str]) -> str:
        """The line that would trust a signer with the toolbox's own name."""
        known = sorted(f"{space}:{key}" if space else key for key, space in self.signers)
        words = ", ".join(f'"{word}"' for word in (*known, f"{next(iter(names))}:{signer}"))
        return f"if the key is whose you think, write into ironclaw.toml: trusted_signers = [{words}]"

    def _may_name(self, signer: str, name: str) -> bool:
        """A namespace is its owners' alone; other names are for those who have none."""
        owners = {key for key, space in self.signers if space and _is_within(name, space)}
        return signer in (owners or {key for key, space in self.signers if not space})


def _is_within(name: str, space: str) -> bool:
    return name == space or name.startswith(f"{space}_")
