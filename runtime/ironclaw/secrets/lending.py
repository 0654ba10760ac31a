"""Egress as tools have it: with the secret that a request names, and no answer that holds one."""

from __future__ import annotations

import asyncio
import functools

import structlog

from ironclaw.binding import Injection
from ironclaw.capabilities import HttpRequest, HttpResponse, HttpRule
from ironclaw.egress import UNKNOWN_SECRET, Egress
from ironclaw.egress.connecting import Hook
from ironclaw.egress.headers import MAX_VALUE
from ironclaw.errors import EgressDenied, EgressUnavailable, StoreError
from ironclaw.secrets.scrubbing import scrubbed
from ironclaw.secrets.vault import Vault
from ironclaw.task import ToolCall

LONG = 64 * 1024  #: Bytes of a body whose scrubbing would hold up everybody: a megabyte takes 0.1 s.

log = structlog.get_logger(__name__)


class Lender:
    """Sends what tools ask for."""

    def __init__(self, vault: Vault, egress: Egress) -> None:
        self._vault = vault
        self._egress = egress

    async def fetch(
        self,
        call: ToolCall,
        request: HttpRequest,
        rules: tuple[HttpRule, ...],
        *,
        idempotency_key: str | None = None,
        before_effect: Hook | None = None,
        is_check: bool = False,
    ) -> HttpResponse:
        """As :meth:`Egress.fetch`, for one call.

        :raises EgressDenied: also where the secret is not this tool's, not there, or not for this request
        :raises EgressUnavailable: no usable answer came
        """
        _check_whole(call, request)
        secret = await self._lent(call, request.secret)
        try:
            response = await self._egress.fetch(
                request,
                rules,
                idempotency_key=idempotency_key,
                before_effect=before_effect,
                is_check=is_check,
                secret=secret,
                before_secret=functools.partial(self._note, call, request.method, secret) if secret else None,
            )
        except (EgressDenied, EgressUnavailable) as error:
            # Where an answer leads is told by name, and a server may put into a name what it was given.
            raise type(error)(self._vault.values(call.tenant).redact(str(error))) from None
        # The values as they are known now: a secret may have been replaced while the request was under way.
        values = self._vault.values(call.tenant)
        if len(response.body) < LONG:
            return scrubbed(values, response, MAX_VALUE)
        return await asyncio.to_thread(scrubbed, values, response, MAX_VALUE)

    async def _lent(self, call: ToolCall, name: str | None) -> Injection | None:
        if name is None:
            return None
        if name not in call.capabilities.secrets:
            raise EgressDenied(UNKNOWN_SECRET)
        try:
            secret = await self._vault.lend(call.tenant, name)
        except StoreError as error:
            log.error("secret_unusable", tenant=call.tenant, secret=name, error=str(error))
            raise EgressDenied(f"The secret {name} cannot be used; the log says why.") from None
        return secret  # Where there is none, egress refuses the request that names it.

    async def _note(self, call: ToolCall, method: str, secret: Injection) -> None:
        """Have the audit log say which call uses a secret, before a byte of it leaves.

        :raises EgressUnavailable: it cannot; nothing is sent
        """
        try:
            await self._vault.note_use(call, secret, method)
        except StoreError as error:
            log.error("secret_use_not_recorded", tenant=call.tenant, secret=secret.name, error=str(error))
            raise EgressUnavailable("The use of a secret could not be recorded; nothing was sent.") from None


def _check_whole(call: ToolCall, request: HttpRequest) -> None:
    """A value that comes in two halves is in neither of them.

    :raises EgressDenied: a tool with secrets asks for a part of an answer
    """
    if call.capabilities.secrets and any(name.lower() == "range" for name, _ in request.headers):
        raise EgressDenied("A tool that has secrets cannot ask for a part of an answer.")
