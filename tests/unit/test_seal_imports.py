"""What an import brought is sealed once no upload of its catalog is on its way."""

import pytest

from app.domain.errors import StoreUnavailable
from app.services.build_faults import INDEX_LOST
from app.services.seal_imports import LEAST, seal_imports
from tests.building import Shop
from tests.factories import a_catalog, a_submission
from tests.pipelines import Pipeline


class Sealed:
    """Counts what is not sealed, and notes what is to be; `away` does not answer."""

    def __init__(self, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pipeline, self.sealed, self.away = pipeline, set[str](), set[str]()
        self.rows, self.asked, self.code = LEAST, 0, INDEX_LOST
        monkeypatch.setattr(pipeline.store, "unsealed", self._unsealed)
        monkeypatch.setattr(pipeline.store, "seal", self.sealed.add)

    def _unsealed(self, collection: str) -> int:
        self.asked += 1
        if collection in self.away:
            raise StoreUnavailable("away", code=self.code)
        return 0 if collection in self.sealed else self.rows

    def sweep(self) -> set[str]:
        seal_imports(self.pipeline.database, self.pipeline.store)
        return self.sealed


@pytest.fixture
def sealed(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> Sealed:
    return Sealed(pipeline, monkeypatch)


def collections(pipeline: Pipeline, catalog: str = "shop") -> set[str]:
    with pipeline.database.reading() as transaction:
        build = transaction.builds.live(catalog)
    assert build is not None
    return set(build.collections)


def test_an_import_is_sealed_once_nothing_is_on_its_way(pipeline: Pipeline, sealed: Sealed) -> None:
    pipeline.declare(a_catalog("other"))
    pipeline.accepted(a_submission("p"))
    assert sealed.sweep() == collections(pipeline, "other")
    pipeline.work()
    assert sealed.sweep() == collections(pipeline, "other") | collections(pipeline)


def test_a_few_rows_are_not_worth_it(pipeline: Pipeline, sealed: Sealed) -> None:
    sealed.rows = LEAST - 1
    assert sealed.sweep() == set()
    sealed.rows = LEAST
    assert sealed.sweep() == collections(pipeline)


def test_a_build_that_is_being_filled_is_left_to_those_who_fill_it(pipeline: Pipeline, sealed: Sealed) -> None:
    pipeline.accepted(a_submission("p"))
    pipeline.work()
    shop = Shop(pipeline)
    build = shop.start()
    while shop.events(build)[-1] != "opened":
        assert shop.step()
    sealed.sealed.clear()
    assert sealed.sweep() == collections(pipeline)
    sealed.sealed.clear()
    shop.work()
    sealed.sealed.clear()
    assert sealed.sweep() == collections(pipeline) | set(build.collections)


def test_a_collection_that_is_lost_keeps_no_other_waiting(pipeline: Pipeline, sealed: Sealed) -> None:
    one, other = sorted(collections(pipeline))
    for away in (one, other):
        sealed.sealed.clear()
        sealed.away = {away}
        assert sealed.sweep() == {one, other} - {away}
    sealed.away.clear()
    assert sealed.sweep() == {one, other}


def test_a_store_that_does_not_answer_is_asked_once(pipeline: Pipeline, sealed: Sealed) -> None:
    sealed.away, sealed.code = collections(pipeline), "store_unavailable"
    assert sealed.sweep() == set()
    assert sealed.asked == 1
    sealed.away.clear()
    assert sealed.sweep() == collections(pipeline)
