"""The database port on SQLite and Postgres: catalogs, products, pictures, keys and embeddings."""

from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from app.adapters.postgres.database import SqlDatabase
from app.adapters.postgres.tables import products
from app.domain.answers import ShownProduct
from app.domain.filters import parse_filter
from app.domain.products import AttributeType, Catalog
from app.domain.uploads import Picture, Stage, UploadKind, UploadState
from app.ports.uploads import Failure
from tests.databases import accept
from tests.factories import SCHEMA, a_product, an_upload

HASH = "a" * 64
LEASE = timedelta(minutes=1)


def test_catalogs_come_back_as_declared_with_their_number_of_products(database: SqlDatabase) -> None:
    other = Catalog("another", {"b": AttributeType.KEYWORDS, "a": AttributeType.NUMBER}, ("b",))
    with database.writing() as transaction:
        transaction.catalogs.put(Catalog("another", {}))
        transaction.catalogs.put(other)
    accept(database, an_upload("p"), an_upload("q"))
    accept(database, an_upload("q", 2, kind=UploadKind.DELETE))
    with database.reading() as transaction:
        assert transaction.catalogs.get("another") == other
        assert transaction.catalogs.get("none") is None
        assert [(catalog.name, count) for catalog, count in transaction.catalogs.all()] == [
            ("another", 0),
            ("shop", 1),
        ]


def test_a_product_is_its_newest_version_with_that_versions_pictures(database: SqlDatabase) -> None:
    old = [Picture(0, content_hash=HASH, width=3, height=4), Picture(1, content_hash="b" * 64)]
    new = [Picture(0, url="https://example.org/a.jpg")]
    accept(database, an_upload(a_product("p", "old"), pictures=old))
    newest = an_upload(a_product("p", "new", price=2.5, colour="rot 🙂"), 2, pictures=new)
    accept(database, newest)
    with database.reading() as transaction:
        stored = transaction.products.get("shop", ["p", "missing"])
        assert list(stored) == ["p"]
        assert stored["p"].product == newest.product
        assert stored["p"].pictures == tuple(new)
        assert (stored["p"].version, stored["p"].upload_id, stored["p"].state) == (2, newest.upload_id, "fetched")
        assert transaction.products.get("another", ["p"]) == {}
        assert transaction.products.shown("shop", ["p", "missing"]) == {
            "p": ShownProduct("p", "new", newest.product.attributes, tuple(new))
        }
        assert transaction.products.shown("another", ["p"]) == {}


def test_a_picture_is_shown_while_the_newest_version_of_a_product_has_it(database: SqlDatabase) -> None:
    def shown(catalog: str = "shop") -> list[bool]:
        with database.reading() as transaction:
            return [transaction.pictures.shown(catalog, name * 64) for name in "abc"]

    first = [Picture(0, content_hash="a" * 64), Picture(1, content_hash="b" * 64)]
    accept(database, an_upload("p", pictures=first), an_upload("q", pictures=first[1:]))
    assert (shown(), shown("another")) == ([True, True, False], [False] * 3)
    accept(database, an_upload("p", 2, pictures=[Picture(0, content_hash="c" * 64)]))
    assert shown() == [False, True, True]
    accept(database, an_upload("q", 2, kind=UploadKind.DELETE), an_upload("p", 3, kind=UploadKind.DELETE))
    assert shown() == [False] * 3
    accept(database, an_upload("q", 3, pictures=first[1:]))
    assert shown() == [False, True, False]


def test_locking_tells_what_is_newest_and_leaves_nothing_of_a_product_that_is_not_saved(
    database: SqlDatabase,
) -> None:
    accept(database, an_upload("there", 3))
    with database.writing() as transaction:
        newest = transaction.products.lock("shop", ["there", "not", "not"])
        transaction.products.save("shop", [])
    assert (newest["not"].version, newest["not"].deleted, newest["not"].settled) == (0, True, False)
    assert (newest["there"].version, newest["there"].deleted, newest["there"].settled) == (3, False, True)
    with database.engine.connect() as connection:
        assert connection.execute(products.select()).one().product_id == "there"


@pytest.mark.parametrize("broken", ["picture", "dead"])
def test_a_product_that_went_badly_is_not_settled(database: SqlDatabase, broken: str) -> None:
    upload = an_upload("p", pictures=[Picture(0, url="https://example.org/a.jpg")])
    accept(database, upload)
    with database.writing() as transaction:
        (claim,) = transaction.uploads.claim(Stage.ENCODE, limit=1, lease=LEASE)
        if broken == "picture":
            transaction.pictures.save(claim, [Picture(0, "https://example.org/a.jpg", error_code="gone")])
        else:
            transaction.uploads.bury([claim], {upload.upload_id: Failure("bad_vector", "it is bad")})
    with database.writing() as transaction:
        assert not transaction.products.lock("shop", ["p"])["p"].settled


def test_products_are_counted_by_filter_and_up_to_an_id(database: SqlDatabase) -> None:
    ids = ["b", "A", "a", "-", "Z9", "z"]
    accept(database, *(an_upload(a_product(one, price=place)) for place, one in enumerate(ids)))
    accept(database, an_upload("z", 2, kind=UploadKind.DELETE))
    dearer = parse_filter({"price": {"gte": 2}}, SCHEMA)
    with database.reading() as transaction:
        count = transaction.products.count
        assert (count("shop"), count("shop", dearer), count("another")) == (5, 3, 0)
        assert [count("shop", up_to=one) for one in ("-", "A", "Z9", "Z", "a", "b", "zz")] == [1, 2, 3, 2, 4, 5, 5]
        assert count("shop", dearer, up_to="a") == 3
        assert set(transaction.products.shown("shop", ids)) == {"A", "a", "-", "Z9", "b"}


def test_what_has_changed_since_a_mark_is_told(database: SqlDatabase) -> None:
    def changed(since: str | None) -> tuple[dict[str, tuple[int, Any]], str]:
        with database.reading() as transaction:
            changes = transaction.products.changed("shop", since)
        assert changes.whole is (since is None)
        return {one.product_id: (one.version, one.attributes) for one in changes.products}, changes.mark

    found, mark = changed(None)
    assert found == {}
    accept(database, an_upload(a_product("a", price=1)), an_upload(a_product("b", price=2)))
    found, mark = changed(mark)
    assert found == {"a": (1, {"price": 1}), "b": (1, {"price": 2})}
    accept(database, an_upload("a", 2, kind=UploadKind.DELETE), an_upload(a_product("c", price=3)))
    found, mark = changed(mark)
    assert found == {"a": (2, None), "c": (1, {"price": 3})}
    assert changed(mark)[0] == {}
    assert changed(None)[0] == {"a": (2, None), "b": (1, {"price": 2}), "c": (1, {"price": 3})}


def test_more_ids_than_one_statement_holds(database: SqlDatabase) -> None:
    ids = [f"p{place:04}" for place in range(1_201)]
    accept(database, *(an_upload(one) for one in ids))
    with database.writing() as transaction:
        assert len(transaction.products.get("shop", ids)) == len(transaction.products.shown("shop", ids)) == len(ids)
        assert len(transaction.uploads.known("shop", [(one, 1) for one in ids])) == len(ids)
        assert len(transaction.uploads.claim(Stage.ENCODE, limit=2_000, lease=LEASE)) == len(ids)


def test_pictures_in_error_are_told_by_upload(database: SqlDatabase) -> None:
    good, bad = an_upload("good", pictures=[Picture(0, content_hash=HASH)]), an_upload("bad")
    accept(database, good, bad)
    marked = Picture(1, "https://example.org/x", error_code="gone", error_detail="404")
    with database.writing() as transaction:
        claims = {one.upload_id: one for one in transaction.uploads.claim(Stage.ENCODE, limit=9, lease=LEASE)}
        transaction.pictures.save(claims[bad.upload_id], [marked, Picture(0, content_hash=HASH)])
        transaction.pictures.save(claims[bad.upload_id], [])
        receipts = list(transaction.uploads.get([good.upload_id, bad.upload_id]).values())
        assert transaction.pictures.in_error(receipts) == {bad.upload_id: (marked,)}
        assert transaction.pictures.in_error([]) == {}


def test_an_idempotency_key_keeps_its_first_answer(database: SqlDatabase) -> None:
    first, second = an_upload("p"), an_upload("q")
    accept(database, first, second)
    with database.writing() as transaction:
        transaction.idempotency_keys.add("shop", "key", HASH, first.upload_id)
        transaction.idempotency_keys.add("shop", "key", "b" * 64, second.upload_id)
    with database.reading() as transaction:
        assert transaction.idempotency_keys.get("shop", ["key", "none"]) == {"key": (HASH, first.upload_id)}
        assert transaction.idempotency_keys.get("another", ["key"]) == {}
        assert transaction.idempotency_keys.get("shop", []) == {}


def test_embeddings_come_back_to_the_bit_and_the_first_one_stays(database: SqlDatabase) -> None:
    vectors = {name * 64: np.random.default_rng(7).standard_normal(5).astype(np.float32) for name in "abc"}
    with database.writing() as transaction:
        transaction.embeddings.add("one", vectors)
        transaction.embeddings.add("one", {HASH: np.zeros(5, dtype=np.float32)})
        transaction.embeddings.add("other", {})
    with database.reading() as transaction:
        found = transaction.embeddings.get("one", [*vectors, "d" * 64])
        assert set(found) == set(vectors)
        assert all(np.array_equal(found[name], vectors[name]) for name in vectors)
        assert transaction.embeddings.known("one", [HASH, "d" * 64]) == {HASH}
        assert transaction.embeddings.known("other", [HASH]) == set()


def test_an_upload_without_stages_left_is_told_with_its_times(database: SqlDatabase) -> None:
    late = an_upload("p", 1, state=UploadState.SUPERSEDED, newest=False)
    accept(database, an_upload("p", 2), late)
    with database.reading() as transaction:
        receipt = transaction.uploads.get([late.upload_id])[late.upload_id]
        assert set(receipt.stages) == {UploadState.ACCEPTED, UploadState.SUPERSEDED}
        assert receipt.stages[UploadState.ACCEPTED].tzinfo is not None
        assert abs((receipt.stages[UploadState.ACCEPTED] - transaction.now).total_seconds()) < 60
