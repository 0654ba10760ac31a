"""How many tokens a conversation has, about: by its bytes, corrected by what its provider counts.

No tokenizer is at hand.  Measured on one: prose has 3.2 characters in a token, JSON 1.8.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from ironclaw.task import Json, Message, ModelUse, Role, ToolOffer

TEXT, JSON = 3, 2  #: Bytes in a token.
EACH = 8  #: Tokens of a message or a call beside its text.
PROMPT = 1_000  #: Of what instructs the model, and of the request itself.
HEADROOM = 1.2  #: What is counted here may be so much more.
LEAST, MOST = 0.5, 2.0  #: How far a provider's count corrects ours.


def of_text(text: str) -> int:
    return len(text.encode("utf-8", "replace")) // TEXT


def of_json(text: str) -> int:
    return len(text.encode("utf-8", "replace")) // JSON


def of_message(message: Message) -> int:
    """Tokens of one message, before any correction."""
    said = of_json(message.text) if message.role is Role.TOOL else of_text(message.text)
    return EACH + said + sum(EACH + of_json(call.tool + call.arguments) for call in message.calls)


def of_messages(messages: Iterable[Message]) -> int:
    return sum(map(of_message, messages))


class Counting:
    """Counts for each model by what its provider said last; in memory only, for it is soon learned again."""

    def __init__(self) -> None:
        self._ratios: dict[str, float] = {}  #: By model.
        self._models: dict[str, str] = {}  #: By who asks: the model that answered last.
        self._refused: dict[str, int] = {}  #: By who asks: the count that the model has refused as too long.
        self._offers: dict[
            str, tuple[Mapping[str, Json], str, int]
        ] = {}  #: By tool: what it was counted from.

    def tokens(self, who: str, counted: int) -> int:
        """What is to be expected of a count of ours, with headroom.

        :param who: whose model is asked: a tenant and a brain
        """
        return int(counted * self.ratio(who) * HEADROOM)

    def room(self, who: str, tokens: int) -> int:
        """The count of ours that fits so many tokens: the other way round."""
        return int(tokens / (self.ratio(who) * HEADROOM))

    def ratio(self, who: str) -> float:
        """By how much ours is wrong; 1 before the first answer."""
        return self._ratios.get(self._models.get(who, ""), 1.0)

    def refused(self, who: str, counted: int) -> None:
        """Take the model's word that this is too long."""
        self._refused[who] = min(counted, self._refused.get(who, counted))

    def was_refused(self, who: str, counted: int) -> bool:
        """Whether the model has refused no more than this."""
        return counted >= self._refused.get(who, counted + 1)

    def learn(self, who: str, counted: int, uses: Sequence[ModelUse]) -> None:
        """Take the provider's count of a conversation that we counted too."""
        if self.was_refused(who, counted):
            del self._refused[who]
        for use in uses:
            if use.tokens_in and counted:
                self._models[who] = use.model
                self._ratios[use.model] = min(MOST, max(LEAST, use.tokens_in / counted))

    def of_offers(self, offers: Sequence[ToolOffer]) -> int:
        """Tokens of the tools that are offered, before any correction."""
        return sum(map(self._of_offer, offers))

    def _of_offer(self, offer: ToolOffer) -> int:
        schema, description, tokens = self._offers.get(offer.name, (None, "", 0))
        if schema is not offer.schema or description != offer.description:
            tokens = EACH + of_text(offer.name + offer.description) + of_json(json.dumps(dict(offer.schema)))
            self._offers[offer.name] = (offer.schema, offer.description, tokens)
        return tokens
