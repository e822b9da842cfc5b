"""Cursors as text: what is sealed comes back as it was, and nothing else is taken."""

import base64
import hmac
import string
import zlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import cursors
from app.domain.answers import Total
from app.domain.cursors import Cursor, Placed, digest_of, seal, unseal
from app.domain.errors import Malformed
from app.domain.grouping import Grouping
from app.domain.search import Fusion, Leg, SearchQuery

KEY = b"k" * 32
ALPHABET = string.ascii_letters + string.digits + "-_"
BROWSING = Cursor("shop", "d" * 32, None, "b1", "fake")
RANKED = replace(
    BROWSING,
    filter={"colour": {"in": ["漢字", 'a"\n']}, "not": {"price": {"lt": 1.5}}},
    total=Total(3, exact=False, scope="candidates"),
    degraded=["text"],
    ranking=[Placed("p1", 0.625, 2), Placed("A.b:c-_", 0.5, None)],
    made_at=1_700_000_000,
)

ids = st.text(string.ascii_letters + string.digits + "._:-", min_size=1, max_size=128)
counts = st.integers(0, 2**31 - 1)
places = st.builds(Placed, ids, st.floats(width=32, allow_nan=False), st.none() | counts, counts, counts)
words = st.text(st.characters(exclude_categories=["Cs"]))
filters = st.none() | st.dictionaries(words, st.lists(words) | st.booleans() | st.floats(allow_nan=False))
sealable = st.builds(
    Cursor,
    words,
    words,
    filters,
    words,
    words,
    st.builds(Total, st.integers(0), st.booleans(), st.sampled_from(["catalog", "candidates"])),
    st.lists(words),
    st.none() | st.lists(places, max_size=30),
    ids | st.just(""),
    st.integers(0, 2**40),
    st.none() | st.builds(Grouping, words, st.integers(1, 100)),
)


@given(sealable)
def test_what_is_sealed_comes_back_as_it_was(cursor: Cursor) -> None:
    text = seal(cursor, KEY)
    assert unseal(text, KEY) == cursor
    assert set(text) <= set(ALPHABET)


def test_scores_come_back_as_near_as_four_bytes_are() -> None:
    ranking = [Placed(f"p{place}", score, None) for place, score in enumerate((1.25, 0.1, 1e-6))]
    (found,) = [unseal(seal(replace(RANKED, ranking=ranking), KEY), KEY).ranking]
    assert found is not None
    assert [one.score for one in found] == [float(np.float32(one.score)) for one in ranking]


@pytest.mark.parametrize("cursor", [BROWSING, RANKED])
def test_a_text_that_differs_anywhere_is_refused(cursor: Cursor) -> None:
    text = seal(cursor, KEY)
    sealed = base64.urlsafe_b64decode(text + "==")
    for place, byte in enumerate(sealed):
        for bit in range(8):
            changed = sealed[:place] + bytes([byte ^ 1 << bit]) + sealed[place + 1 :]
            refuse(base64.urlsafe_b64encode(changed).rstrip(b"=").decode())
    for place, character in enumerate(text):
        for other in (*({"A", "B", "_", "9"} - {character}), "", "!", "é"):
            refuse(text[:place] + other + text[place + 1 :])
        refuse(text[:place])
        refuse(text[:place] + " " + text[place:])
    for odd in (text + "A", text + "=", "=", "\ud800", text.encode().hex(), text * 2):
        refuse(odd)


def refuse(text: str, key: bytes = KEY) -> None:
    with pytest.raises(Malformed) as raised:
        unseal(text, key)
    assert (raised.value.code, raised.value.field) == ("bad_cursor", "cursor")


def test_a_cursor_of_another_service_is_refused() -> None:
    refuse(seal(RANKED, KEY), b"j" * 32)


def signed(packed: bytes) -> str:
    signature = hmac.digest(KEY, packed, "sha256")[:16]
    return base64.urlsafe_b64encode(packed + signature).rstrip(b"=").decode()


def test_another_format_and_what_unpacks_beyond_measure_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = base64.urlsafe_b64decode(seal(RANKED, KEY) + "==")[:-16]
    assert unseal(signed(packed), KEY) == RANKED
    refuse(signed(b"\x01" + packed[1:]))
    refuse(signed(b""))
    refuse(signed(b"\x02" + zlib.compress(bytes(cursors.MAX_UNPACKED + 1))))


def test_a_digest_is_of_everything_that_is_asked_for_but_the_limit() -> None:
    query = SearchQuery("mug", filter={"price": 1, "colour": "red"})
    assert digest_of(query) == digest_of(SearchQuery("mug", filter={"colour": "red", "price": 1}, limit=3))
    others = (
        SearchQuery(),
        SearchQuery("mugs", filter=query.filter),
        SearchQuery("mug"),
        replace(query, image=b"a"),
        replace(query, image=b"b"),
        replace(query, image="http://example.org"),
        replace(query, like="p"),
        replace(query, fusion=Fusion.RRF),
        replace(query, legs={Leg.IMAGE: 1.0}),
        replace(query, filter={"price": 1}),
        replace(query, group=Grouping("colour")),
        replace(query, group=Grouping("colour", 2)),
        replace(query, collapse_duplicates=True),
    )
    assert len({digest_of(one) for one in (query, *others)}) == 1 + len(others)
