"""What a turn used, in tokens and in money."""

from __future__ import annotations

from collections.abc import Mapping

from ironclaw.settings import Price
from ironclaw.task import ModelUse
from ironclaw_plugins.brain_openai.wire import Used


class Meter:
    """Counts the requests of one turn, those that led nowhere too.

    :param prices: by model
    :param prompt: the version that each of them was given
    """

    def __init__(self, prices: Mapping[str, Price], prompt: str) -> None:
        self._prices = prices
        self._prompt = prompt
        self.uses: tuple[ModelUse, ...] = ()

    def add(self, model: str, used: Used) -> None:
        price = self._prices.get(model)
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


def micros(price: Price, used: Used) -> int:
    """Millionths of the money that the price is in, which is per million tokens: one token costs so many."""
    cached = price.input if price.cached is None else price.cached
    fresh = used.tokens_in - used.tokens_cached
    return round(fresh * price.input + used.tokens_cached * cached + used.tokens_out * price.output)
