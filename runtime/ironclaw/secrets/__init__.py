"""Secrets that tools use without seeing them: sealed in the store, lent to one request, hidden in every text.

``keyring`` has the keys, ``sealing`` the cipher, ``vault`` everything that is done with a secret; ``lending``
gives one to a request, and ``scrubbing`` takes values out of what servers answer.
``host_key`` is what all keys come from.
"""

from ironclaw.secrets.host_key import check_key, unlock
from ironclaw.secrets.keyring import Keyring
from ironclaw.secrets.lending import Lender
from ironclaw.secrets.sealing import check_all
from ironclaw.secrets.vault import Vault

__all__ = ["Keyring", "Lender", "Vault", "check_all", "check_key", "unlock"]
