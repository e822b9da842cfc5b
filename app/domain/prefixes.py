"""Texts that begin alike stand together in the order of code points, which every store has."""

import sys

_SURROGATES = range(0xD800, 0xE000)  # code points no text holds


def beyond(prefix: str) -> str | None:
    """The least text that stands after all that begin with the prefix; None where nothing does."""
    for end in range(len(prefix), 0, -1):
        last = ord(prefix[end - 1])
        if last < sys.maxunicode:
            successor = last + 1 if last + 1 not in _SURROGATES else _SURROGATES.stop
            return prefix[: end - 1] + chr(successor)
    return None
