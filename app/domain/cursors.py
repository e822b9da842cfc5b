"""Cursors: where the answer to a query goes on, and the rest of its ranking as it was when it was made.

A cursor is all that a page needs, so it works in every process, after a restart and for a build that is gone. It is
one byte of format, what is packed, and a signature over both, in URL-safe base64. With the ids of the fashion
products, of four and five digits, 120 candidates take 1,500 characters and 0.1 ms to make, and 800 take 7,000 and
0.4 ms; with random ids of 32 hexadecimal digits they take 4,200 and 25,000.
"""

import hmac
import json
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from hashlib import blake2b, sha256
from typing import Any, NamedTuple

import numpy as np

from app.domain.answers import Total
from app.domain.errors import Malformed
from app.domain.grouping import Grouping
from app.domain.search import SearchQuery

MAX_PLACES = 1_200
"""Products of a ranking that are kept: three legs of 400, as many as the largest page asks of each. With groups legs
are asked deeper, and what is shown ends here."""
MAX_UNPACKED = 32 * 1024 * 1024
"""Bytes: more than any query that is accepted can make of a filter."""

_FORMAT = b"\x02"
_SIGNATURE_BYTES = 16
_NO_PICTURE = -1
_UNCOUNTED = Total(0, exact=True, scope="catalog")


class Placed(NamedTuple):
    """A product in a ranking, and the position of the picture that matched.

    Its group had `group_size` products, and so many `duplicates` were left out for it.
    """

    product_id: str
    score: float
    position: int | None
    group_size: int = 1
    duplicates: int = 0


@dataclass(frozen=True, slots=True)
class Cursor:
    """What is left to show of an answer; nothing of it changes from page to page but that it gets less.

    Of a query that has a ranking: the places that follow. Of one that browses: the id `after` which it goes on.
    `asked` is the digest of the query, `made_at` in seconds since 1970; `total` is counted anew for each page of the
    latter.
    """

    catalog: str
    asked: str
    filter: Mapping[str, Any] | None
    build_id: str
    encoder: str
    total: Total = _UNCOUNTED
    degraded: Sequence[str] = ()
    ranking: Sequence[Placed] | None = None
    after: str = ""
    made_at: int = 0
    group: Grouping | None = None

    @property
    def ends(self) -> bool:
        """Whether nothing follows."""
        return not (self.ranking or self.after)


_SHOWN_ONLY = frozenset({"limit", "facets", "explain"})
"""What a query may say otherwise on its next page: it changes what is shown, and not the ranking."""


def digest_of(query: SearchQuery, *, without: Collection[str] = _SHOWN_ONLY) -> str:
    """What one query has and no other, whatever it wants to be shown of the answer."""
    stated = {one.name: getattr(query, one.name) for one in fields(query) if one.name not in without}
    told = json.dumps(stated, sort_keys=True, default=lambda picture: sha256(picture).hexdigest())
    return blake2b(told.encode(), digest_size=16).hexdigest()


def seal(cursor: Cursor, key: bytes) -> str:
    """A cursor as text that cannot be changed without the key."""
    packed = _FORMAT + zlib.compress(_packed(cursor))
    return urlsafe_b64encode(packed + _signature(packed, key)).rstrip(b"=").decode()


def unseal(text: str, key: bytes) -> Cursor:
    """The cursor of a text. Raises `Malformed` (`bad_cursor`) for what was not sealed so with this key."""
    sealed = _decoded(text)
    packed, signature = sealed[:-_SIGNATURE_BYTES], sealed[-_SIGNATURE_BYTES:]
    if not hmac.compare_digest(_signature(packed, key), signature) or packed[:1] != _FORMAT:
        raise bad_cursor()
    unpacker = zlib.decompressobj()
    content = unpacker.decompress(packed[1:], MAX_UNPACKED)
    if not unpacker.eof:
        raise bad_cursor()
    return _unpacked(content)


def bad_cursor() -> Malformed:
    """The refusal of what is no cursor of this catalog."""
    told = "this cursor cannot be read: take it whole from an answer of this catalog, or leave it out and begin again"
    return Malformed(told, code="bad_cursor", field="cursor")


def _signature(packed: bytes, key: bytes) -> bytes:
    return hmac.digest(key, packed, "sha256")[:_SIGNATURE_BYTES]


def _decoded(text: str) -> bytes:
    """The bytes of a text, of which only one form is taken: base64 passes over what it does not know."""
    try:
        sealed = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise bad_cursor() from None
    if urlsafe_b64encode(sealed).rstrip(b"=") != text.encode():
        raise bad_cursor()
    return sealed


def _packed(cursor: Cursor) -> bytes:
    """A line of JSON, a line of ids, the scores, positions and counts: what is alike stands together, and shrinks."""
    ranking = cursor.ranking or ()
    told = {one.name: getattr(cursor, one.name) for one in fields(cursor) if one.name != "ranking"}
    told |= {"total": asdict(cursor.total), "degraded": list(cursor.degraded), "ranked": cursor.ranking is not None}
    scores = np.array([one.score for one in ranking], "<f4")
    positions = [_NO_PICTURE if one.position is None else one.position for one in ranking]
    counts = np.array([positions, [one.group_size for one in ranking], [one.duplicates for one in ranking]], "<i4")
    return b"\n".join(
        (
            json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode(),
            " ".join(one.product_id for one in ranking).encode(),
            _by_bytes(scores) + counts.tobytes(),
        )
    )


def _unpacked(content: bytes) -> Cursor:
    head, names, numbers = content.split(b"\n", 2)
    told, ids = json.loads(head), names.decode().split()
    scores = np.frombuffer(numbers, np.uint8, 4 * len(ids)).reshape(4, -1).T.copy().view("<f4")[:, 0].tolist()
    counts = np.frombuffer(numbers, "<i4", 3 * len(ids), offset=4 * len(ids)).reshape(3, -1).tolist()
    ranking = [
        Placed(product_id, score, None if position == _NO_PICTURE else position, group_size, duplicates)
        for product_id, score, position, group_size, duplicates in zip(ids, scores, *counts, strict=True)
    ]
    told["total"] = Total(**told["total"])
    told["ranking"] = ranking if told.pop("ranked") else None
    told["group"] = told["group"] and Grouping(*told["group"])
    return Cursor(**told)


def _by_bytes(scores: np.ndarray[Any, Any]) -> bytes:
    """The first bytes of all, then the second ones: those that stand first hardly differ, and shrink."""
    return scores.view(np.uint8).reshape(-1, 4).T.tobytes()
