"""What a turn used, in tokens and in money."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ironclaw.settings import Price
from ironclaw.task import ModelUse
from ironclaw_plugins.brain_openai.wire import Draft, Reply, Used

BYTES = 3  #: In a token, about.
MOST_TOKENS = 10**9  #: That are believed of one request.


class Meter:
    """Counts the requests of one turn, those that led nowhere too.

    :param prompt: the version that each of them was given
    """

    def __init__(self, prompt: str) -> None:
        self._prompt = prompt
        self.uses: tuple[ModelUse, ...] = ()

    def add(self, model: str, price: Price | None, used: Used) -> None:
        used = believed(used)
        self.uses += (
            ModelUse(
                model=model,
                prompt=self._prompt,
                tokens_in=used.tokens_in,
                tokens_cached=used.tokens_cached,
                tokens_out=used.tokens_out,
                micros=None if price is None else micros(price, used),
            ),
        )

    @property
    def tokens(self) -> int:
        return sum(each.tokens_in + each.tokens_out for each in self.uses)

    @property
    def micros(self) -> int:
        return sum(each.micros or 0 for each in self.uses)


def believed(used: Used) -> Used:
    """Numbers that can be reckoned with: a server may write any."""
    figures = (used.tokens_in, used.tokens_cached, used.tokens_out)
    return Used(*(min(MOST_TOKENS, each) for each in figures))


def sent(body: Mapping[str, Any]) -> Used:
    """A request that no reply is known of, by our own count: whoever took it may ask money for it."""
    return Used(tokens_in=_tokens(json.dumps(body, ensure_ascii=False)))


def broken_off(asked: Used, draft: Draft) -> Used:
    """The same of one whose reply cannot be used.

    :param draft: what came of it: servers send a token or so in each event
    """
    return Used(tokens_in=asked.tokens_in, tokens_out=max(draft.events, _tokens(draft.text)))


def counted(reply: Reply, asked: Used) -> Used:
    """As the server counts.  What it counts as nothing is by our own count: else no budget would hold."""
    written = reply.text + reply.refusal + "".join(call.tool + call.arguments for call in reply.calls)
    used, out = reply.used, reply.used.tokens_out or _tokens(written)
    # Of who tells only the sum, what went in is within what came out.
    return Used(used.tokens_in or max(0, asked.tokens_in - out), used.tokens_cached, out)


def _tokens(text: str) -> int:
    return -(-len(text.encode("utf-8", "replace")) // BYTES)


def micros(price: Price, used: Used) -> int:
    """Millionths of the money that the price is in, which is per million tokens: one token costs so many."""
    cached = price.input if price.cached is None else price.cached
    fresh = used.tokens_in - used.tokens_cached
    return round(fresh * price.input + used.tokens_cached * cached + used.tokens_out * price.output)
