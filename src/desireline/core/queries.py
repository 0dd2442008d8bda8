"""Queries: what makes two of them the same.

Knows text only; what a query found is elsewhere.
"""

from __future__ import annotations

import unicodedata


def query_key(query: str) -> str:
    """The query as it is compared: NFKC, lower case, white space at the ends gone (`log.md`).

    >>> query_key("  Red SHOES "), query_key("\\ufb01ne")
    ('red shoes', 'fine')
    """
    if query.isascii():
        return query.strip().lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", query).lower()).strip()
