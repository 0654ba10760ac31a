"""Names for tenants: at the settings, at the command that adds one, and in a token."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ironclaw.errors import BadRequest, Conflict, IdentityError
from ironclaw.settings import Settings
from ironclaw.task import Bearer
from ironclaw_bot.tenant_file import check_name
from ironclaw_plugins.auth_jwt import AuthJwt
from tests.fakes.services import PlainServices
from tests.fakes.tokens import ISSUER, Issuer

THERE = "T1"


@contextlib.asynccontextmanager
async def opened() -> AsyncIterator[Any]:
    with tempfile.TemporaryDirectory() as folder:
        yield Names(Path(folder)).play


class Names:
    """Asks each door whether it takes a name."""

    def __init__(self, folder: Path) -> None:
        self._issuer = Issuer()
        self._keys = self._issuer.write(folder / "jwks.json", "ed1")

    async def play(self, case: Mapping[str, str]) -> str | None:
        name, expected = case["path"], case["expect"] == "accept"
        said = {
            "the settings": self._settings(name),
            "tenant add": self._command(name),
            "a token": await self._token(name),
        }
        wrong = [door for door, taken in said.items() if taken != expected]
        return f"{' and '.join(wrong)} {'refused' if expected else 'took'} {name[:40]!r}" if wrong else None

    def _settings(self, name: str) -> bool:
        """Beside the tenant that is there."""
        try:
            return name in Settings.model_validate({"tenants": {THERE: {}, name: {}}}).tenants
        except ValidationError:
            return False

    def _command(self, name: str) -> bool:
        try:
            check_name(name, [] if name == THERE else [THERE])
        except (BadRequest, Conflict):
            return False
        return True

    async def _token(self, name: str) -> bool:
        """Of a host that has the tenants which the settings took."""
        there = {THERE: {"jwt": True}} | ({name: {"jwt": True}} if self._settings(name) else {})
        values = {"tenants": there, "jwt_issuer": ISSUER, "jwt_jwks": self._keys}
        door = AuthJwt(PlainServices(Settings.model_validate(values)))
        try:
            found = await door.ironclaw_authenticate(Bearer(self._issuer.token("ed1", tenant_id=name)))
        except IdentityError:
            return False
        return found is not None and found.tenant == name
