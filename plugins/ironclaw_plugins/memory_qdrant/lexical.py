"""Texts as numbers of their words (BM25): the same encoder for files and for a server."""

from __future__ import annotations

from qdrant_edge import Bm25, Bm25Config, SparseVector, TokenizerType

#: Facts are short.  The default of 256 words would make them all look alike.
MEAN_WORDS = 20.0


class Encoder:
    """English stems and stop words; words of languages that put no spaces between them are found too."""

    def __init__(self) -> None:
        self._bm25 = Bm25(
            Bm25Config(language="english", tokenizer=TokenizerType.Multilingual, avg_len=MEAN_WORDS)
        )

    def document(self, text: str) -> SparseVector:
        """How much each word says of the text."""
        return self._bm25.embed_document(text)

    def query(self, text: str) -> SparseVector:
        """Each word once; without any where the text has none that says something."""
        return self._bm25.embed_query(text)
