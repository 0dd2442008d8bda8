"""BM25 as sparse vectors: a document's saturated term weights, a query's terms.

Knows how text becomes terms and how a document's length is discounted. The other factor of BM25,
how rare a term is (IDF), is applied by the engine when it searches, so it is always that of the
documents present. Knows no documents, collections or folders.

Terms: lower-cased, accents folded, split at everything that is not a letter or digit, English
Snowball stems, no stop words (a query made of stop words still finds something).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from qdrant_edge import Bm25, Bm25Config, SparseVector, StopwordsSet

SATURATION = 1.2  # k of BM25
LENGTH_DISCOUNT = 0.75  # b of BM25
SAMPLE = 1_000
DRIFT = 0.2


@lru_cache(maxsize=256)
def _encoder(average_length: float, saturation: float, discount: float) -> Bm25:
    return Bm25(
        Bm25Config(
            k=saturation,
            b=discount,
            avg_len=average_length,
            language="english",
            ascii_folding=True,
            stopwords=StopwordsSet(),
        )
    )


def document_vector(text: str, average_length: float) -> SparseVector:
    """Term weights tf (k + 1) / (tf + k (1 - b + b length / average_length)); Robertson, 1994.

    `average_length` is in terms and > 0. A text without terms gives an empty vector.

    >>> document_vector("red shoes, red laces", 4.0).values[0] > 0
    True
    """
    return _encoder(average_length, SATURATION, LENGTH_DISCOUNT).embed_document(text)


def query_vector(text: str) -> SparseVector:
    """Each distinct term of the query with weight 1.

    >>> query_vector("Shoe shoes").values
    [1.0]
    """
    return _encoder(1.0, SATURATION, LENGTH_DISCOUNT).embed_query(text)


def length(text: str) -> int:
    """How many terms a text has, repetitions counted.

    >>> length("wi-fi router"), length("  ")
    (3, 0)
    """
    # Without length discount and with endless saturation a term's weight is its count.
    counts = _encoder(1.0, 1e6, 0.0).embed_document(text).values
    return round(sum(counts))


def average_length(texts: Iterable[str]) -> float:
    """Mean length of the texts that have any term; 0.0 when none has.

    >>> average_length(["red shoe", "hat", ""])
    1.5
    """
    lengths = [count for count in map(length, texts) if count]
    return sum(lengths) / len(lengths) if lengths else 0.0


def drifted(stored: float, now: float) -> bool:
    """Whether stored vectors were made for documents of a length that is `DRIFT` off by now.

    >>> drifted(10.0, 11.9), drifted(10.0, 12.5), drifted(0.0, 3.0)
    (False, True, True)
    """
    return now > 0 and abs(now - stored) > DRIFT * stored
