"""Reconciling over real stores: milvus-lite with SQLite, and a Milvus server with Postgres."""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.domain.build_steps import BuildEvent
from app.domain.builds import Build
from app.ports.vectors import Stamp, VectorRow, VectorStore
from tests.databases import own_database
from tests.factories import a_picture
from tests.fakes.encoders import DIMENSION
from tests.integration.shops import PATIENCE_S, Shop, embedded, inline, lines, over_servers

PRODUCTS = 60
ROWS = 2 * PRODUCTS
CLEAN = {"rows": ROWS, "missing": 0, "orphaned": 0, "stale": 0, "unsearchable": 0, "repaired": 0}


@pytest.fixture(scope="module", params=["embedded", pytest.param("servers", marks=pytest.mark.milvus_server)])
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    data = tmp_path_factory.mktemp("shop")
    if request.param == "embedded":
        with embedded(data) as opened:
            yield opened
        return
    postgres, redis, milvus = (request.getfixturevalue(name) for name in ("postgres_url", "redis_url", "milvus_uri"))
    with own_database(postgres) as url, over_servers(data, url, redis, milvus_uri=milvus) as opened:
        yield opened


@pytest.fixture
def catalog(shop: Shop) -> Iterator[str]:
    """Sixty products, each with a picture unlike the others."""
    name = f"c{uuid4().hex[:8]}"
    shop.declare(name)
    products = [
        {"product_id": f"p{n:02}", "title": f"lamp {n}", "images": inline(a_picture("red", size=(20 + n, 24)))}
        for n in range(PRODUCTS)
    ]
    assert shop.client.post(f"/v1/catalogs/{name}/products:batch", content=lines(*products)).status_code == 207
    shop.idle()
    yield name
    shop.application.store.drop(live(shop, name).texts)
    shop.application.store.drop(live(shop, name).images)


def live(shop: Shop, catalog: str) -> Build:
    with shop.application.database.reading() as transaction:
        build = transaction.builds.live(catalog)
    assert build is not None
    return build


def reconciled(shop: Shop, catalog: str, **stated: Any) -> dict[str, Any]:
    answer = shop.client.post(f"/v1/catalogs/{catalog}:reconcile", json=stated)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    (one,) = told.pop("builds")
    assert one == {"id": live(shop, catalog).id, **told}
    return told


def drift(store: VectorStore, build: Build) -> None:
    """Three rows are gone, two of another version, one of other content, two vectors wrong, three rows nobody's."""
    vectors = np.eye(DIMENSION, dtype=np.float32)[-8:]
    stamps = store.stamps_between(build.texts, "", "") | store.stamps_between(build.images, "", "")

    def row(row_id: str, number: int, **changed: int) -> VectorRow:
        stamp = stamps.get(row_id, Stamp(1, 0))._replace(**changed)
        return VectorRow(row_id, row_id.partition("#")[0], stamp, vectors[number], {})

    store.delete(build.texts, ["p01", "p59"])
    store.delete(build.images, ["p02#0"])
    store.upsert(build.texts, [row("p03", 0, version=7), row("p04", 1)])
    store.upsert(build.images, [row("p05#0", 2, version=0), row("p06#0", 3, digest=9), row("p07#0", 4)])
    store.upsert(build.images, [row("p08#1", 5)])
    store.upsert(build.texts, [row("nobody", 6), row("-", 7)])
    for collection in (build.texts, build.images):
        store.settle(collection)


def test_what_drifted_is_told_and_repaired(shop: Shop, catalog: str) -> None:
    assert reconciled(shop, catalog) == CLEAN
    store, build = shop.application.store, live(shop, catalog)
    before = store.stamps_between(build.texts, "", "") | store.stamps_between(build.images, "", "")
    drift(store, build)
    found = CLEAN | {"missing": 3, "orphaned": 3, "stale": 3, "unsearchable": 2}
    assert reconciled(shop, catalog, dry_run=True) == found
    assert reconciled(shop, catalog) == found | {"repaired": 11}
    after = store.stamps_between(build.texts, "", "") | store.stamps_between(build.images, "", "")
    assert after == before
    assert reconciled(shop, catalog) == CLEAN


def test_a_store_that_lost_everything_is_written_anew(shop: Shop, catalog: str) -> None:
    store, build = shop.application.store, live(shop, catalog)
    store.drop(build.texts)
    store.drop(build.images)
    search = f"/v1/catalogs/{catalog}/search"
    answer = shop.client.post(search, json={"text": "lamp 7", "limit": 1})
    assert (answer.status_code, answer.json()["code"]) == (503, "index_lost")
    assert reconciled(shop, catalog) == CLEAN | {"missing": ROWS, "repaired": ROWS}
    answer = shop.client.post(search, json={"text": "lamp 7", "limit": 1})
    assert [hit["product_id"] for hit in answer.json()["hits"]] == ["p07"]


def test_what_drifted_last_is_an_operators_gauge(shop: Shop, catalog: str) -> None:
    drift(shop.application.store, live(shop, catalog))
    reconciled(shop, catalog)
    families = {one.name: one for one in text_string_to_metric_families(shop.client.get("/metrics").text)}
    by_kind = {sample.labels["kind"]: sample.value for sample in families["vitrine_drift_rows"].samples}
    assert by_kind.keys() == {"missing", "orphaned", "stale", "unsearchable"}
    assert all(count >= 2 for count in by_kind.values())
    assert families["vitrine_drift_left_rows"].samples[0].value == 0
    assert families["vitrine_reconciled_timestamp_seconds"].samples[0].value > 1.7e9


def test_it_is_done_by_itself(shop: Shop, catalog: str) -> None:
    build = live(shop, catalog)
    drift(shop.application.store, build)
    reconciler = replace(shop.application.builder.reconciler, every=shop.application.builder.lease / 1_000_000)
    reconciler.schedule()
    shop.application.sweep()
    until = time.monotonic() + PATIENCE_S
    events: list[BuildEvent] = []
    while not events:
        assert time.monotonic() < until
        time.sleep(0.05)
        with shop.application.database.reading() as transaction:
            events = transaction.builds.events(build.id)
    assert events[0].told == CLEAN | {"missing": 3, "orphaned": 3, "stale": 3, "unsearchable": 2, "repaired": 11}


def test_an_unknown_catalog_and_a_wrong_body_are_refused(shop: Shop) -> None:
    assert shop.client.post("/v1/catalogs/none:reconcile").status_code == 404
    answer = shop.client.post("/v1/catalogs/none:reconcile", json={"dry_run": "yes"})
    assert answer.status_code == 422
