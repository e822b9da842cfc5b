"""The columns of catalogs: what is read of the database, and by whom, while threads bring them up to date at once."""

from collections.abc import Sequence
from typing import Any

from app.domain.columns import Held
from app.domain.filters import parse_filter
from app.domain.products import AttributeType
from app.ports.products import Changes
from app.services.catalog_columns import CatalogColumns, Snapshot

SCHEMA = {"price": AttributeType.NUMBER}


class Truth:
    """A catalog whose changes are numbered, and what was asked of it; `Transaction` and `Products` at once."""

    def __init__(self) -> None:
        self.written: list[Held] = []
        self.asked: list[str | None] = []
        self.between: Any = None

    @property
    def products(self) -> "Truth":
        return self

    def changed(self, catalog: str, since: str | None) -> Changes:
        self.asked.append(since)
        newest = {one.product_id: one for one in self.written}
        if since is None:
            changes = Changes(list(newest.values()), str(len(self.written)), whole=True)
        else:
            changes = Changes(self.written[int(since) :], str(len(self.written)), whole=False)
        then, self.between = self.between, None
        if then is not None:
            then()
        return changes

    def write(self, version: int, *ids: str, gone: bool = False) -> None:
        self.written += [Held(one, version, None if gone else {"price": version, "sku": one}) for one in ids]


def shown(snapshot: Snapshot) -> Sequence[str]:
    return snapshot.passing(None).page("", 10_000)


def look(columns: CatalogColumns, truth: Truth) -> Sequence[str]:
    return shown(columns.snapshot(truth, "shop"))  # type: ignore[arg-type]


def test_a_catalog_is_read_whole_once_and_then_what_changes() -> None:
    columns, truth = CatalogColumns(), Truth()
    truth.write(1, "a", "b")
    assert look(columns, truth) == ["a", "b"]
    truth.write(2, "a", gone=True)
    truth.write(1, "c")
    assert look(columns, truth) == look(columns, truth) == ["b", "c"]
    assert truth.asked == [None, "2", "2", "4"]


def test_a_catalog_of_which_most_was_deleted_is_read_whole_once_more_and_not_for_ever() -> None:
    columns, truth = CatalogColumns(), Truth()
    ids = [f"p{place}" for place in range(3_000)]
    truth.write(1, *ids)
    look(columns, truth)
    truth.write(2, *ids[:2_900], gone=True)
    for _ in range(3):
        assert len(look(columns, truth)) == 100
    assert truth.asked.count(None) == 2


def test_what_was_read_before_a_whole_read_is_not_taken_into_it() -> None:
    """Between a slow reader's reading and its taking others have begun anew, with a product deleted meanwhile."""
    columns, truth = CatalogColumns(), Truth()
    truth.write(1, *[f"p{place}" for place in range(3_000)])
    look(columns, truth)
    truth.write(1, "late")

    def meanwhile() -> None:
        truth.write(2, "late", *[f"p{place}" for place in range(2_900)], gone=True)
        look(columns, truth)
        look(columns, truth)

    truth.between = meanwhile
    assert "late" not in look(columns, truth)
    assert "late" not in look(columns, truth)


def test_a_slower_reader_sets_nobody_back() -> None:
    columns, truth = CatalogColumns(), Truth()
    truth.write(1, "a")
    look(columns, truth)

    def meanwhile() -> None:
        truth.write(1, "b")
        assert look(columns, truth) == ["a", "b"]

    truth.between = meanwhile
    assert look(columns, truth) == ["a", "b"]
    truth.write(1, "c")
    assert look(columns, truth) == ["a", "b", "c"]


def test_a_selection_stays_as_it_was() -> None:
    columns, truth = CatalogColumns(), Truth()
    truth.write(1, "a", "b")
    selection = columns.snapshot(truth, "shop").passing(parse_filter({"price": 1}, SCHEMA), ["price"])  # type: ignore[arg-type]
    truth.write(2, "a", "c")
    look(columns, truth)
    assert selection.product_ids() == ["a", "b"]
    assert selection.holds(["a", "c", "none"]).tolist() == [True, False, False]
    assert selection.among(["b", "c"]).product_ids() == ["b"]
    (bucket,) = selection.facets(SCHEMA)["price"].buckets  # type: ignore[union-attr]
    assert (bucket.count, selection.count) == (2, 2)


def test_of_a_catalog_that_nobody_has_read_nothing_is_kept() -> None:
    columns, truth = CatalogColumns(), Truth()
    assert columns.known("none").mark is None
    assert columns._kept == {}
    look(columns, truth)
    assert list(columns._kept) == ["shop"]


def test_what_is_known_is_taken_further_by_what_has_changed_since() -> None:
    columns, truth = CatalogColumns(), Truth()
    truth.write(1, "a")
    assert columns.known("shop").with_changes(None) is None
    look(columns, truth)
    known = columns.known("shop")
    truth.write(1, "b")
    further = known.with_changes(truth.changed("shop", known.mark))
    assert further is not None
    assert shown(further) == ["a", "b"]
    assert known.with_changes(truth.changed("shop", None)) is None  # another database, to be read whole
