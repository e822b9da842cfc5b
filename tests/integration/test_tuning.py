"""Tuning over real stores: a Milvus server with Postgres and its HNSW and IVF_FLAT, and milvus-lite with SQLite."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from app.domain.builds import Build
from app.domain.filters import parse_filter
from app.services import tune_bands
from scripts.bench.large_catalog import CATALOG, all_vectors, fill_live, open_large
from tests.databases import own_database
from tests.fakes.encoders import DIMENSION
from tests.integration.shops import PATIENCE_S, Shop, embedded, over_servers

PRODUCTS = 6_000
BUILDS = f"/v1/catalogs/{CATALOG.name}/builds"


@pytest.fixture(scope="module", autouse=True)
def grown() -> Iterator[None]:
    """So few products count as many: what a value finds is what is looked at here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tune_bands, "GROWN", 0)
        yield


@pytest.fixture(scope="module")
def over_milvus(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    postgres, redis, milvus = (request.getfixturevalue(name) for name in ("postgres_url", "redis_url", "milvus_uri"))
    data = tmp_path_factory.mktemp("shop")
    with own_database(postgres) as url, over_servers(data, url, redis, milvus_uri=milvus) as opened:
        fill_live(opened.application, open_large(opened.application, PRODUCTS))
        yield opened
        for build in opened.client.get(BUILDS).json()["builds"]:
            for collection in (f"vitrine_{build['id']}_texts", f"vitrine_{build['id']}_images"):
                opened.application.store.drop(collection)


def live(shop: Shop) -> Build:
    with shop.application.database.reading() as transaction:
        build = transaction.builds.live(CATALOG.name)
    assert build is not None
    return build


def with_lists(shop: Shop) -> Build:
    """The live build, once its index has 128 lists."""
    started = shop.client.post(BUILDS, json={"index": "IVF_FLAT", "params": {"nlist": 128}})
    assert started.status_code == 202, started.text
    path = f"{BUILDS}/{started.json()['id']}"
    wait_until(lambda: shop.client.get(path).json()["state"] == "ready")
    promoted = shop.client.post(f"{path}:promote", json={"force": True, "reason": "it is a test"})
    assert promoted.status_code == 200, promoted.text
    return live(shop)


def wait_until(there: Any) -> None:
    until = time.monotonic() + 3 * PATIENCE_S  # a server searches by an index some 15 seconds after it has built it
    while not there():
        assert time.monotonic() < until
        time.sleep(0.05)


def tuned(shop: Shop, build: Build, **stated: Any) -> dict[str, Any]:
    path = f"{BUILDS}/{build.id}"
    answer = shop.client.post(f"{path}:tune", json=stated)
    assert (answer.status_code, answer.json()) == (202, {"id": build.id, "state": "live"})
    wait_until(lambda: shop.client.get(path).json()["events"][-1]["what"] != "tuning")
    told = shop.client.get(path).json()
    looked = bool(stated.get("dry_run") or stated.get("compare"))
    assert told["events"][-1]["what"] == ("measured" if looked else "tuned"), told["events"]
    found: dict[str, Any] = told["events"][-1]["told"] if looked else told["tuned"]
    if found["bands"] and not looked:
        values = [next(iter(band["search_params"].values())) for band in found["bands"]]
        used = {kind: next(iter(one["search_params"].values())) for kind, one in told["searched"].items()}
        assert used == {"unfiltered": values[0], "filtered": max(values)}
    return found


def found_of_exact(shop: Shop, build: Build, params: Mapping[str, int], stated: Any) -> float:
    """What other captions than those that were asked with find of their exact hundred best captions."""
    where = None if stated is None else parse_filter(stated, CATALOG.attributes)
    captions = all_vectors(PRODUCTS, DIMENSION)[1::2]
    index = build.index.searched_with(next(iter(params.values())))
    asked = captions[13::101]
    answers = shop.application.store.search(build.texts, asked, limit=100, index=index, where=where)
    passing = set(range(PRODUCTS))
    if where is not None:
        exact = build.index.searched_with(32_768 if index.tunable == "ef" else 128)
        everything = shop.application.store.search(build.texts, asked[:1], limit=16_384, index=exact, where=where)
        passing = {int(row.product_id[1:]) for row in everything[0]}
    numbers = np.array(sorted(passing))
    scores = asked @ captions[numbers].T
    depth = min(100, len(numbers))
    shares = []
    for row, answer in zip(scores, answers, strict=True):
        best = {f"p{numbers[place]:07}" for place in np.argsort(-row)[:depth]}
        shares.append(len(best & {one.product_id for one in answer[:depth]}) / depth)
    return float(np.mean(shares))


def check(shop: Shop, build: Build, told: Mapping[str, Any], target: float) -> None:
    """The least value reaches the target, one less does not, and it is what other queries need too."""
    assert told["reached"]
    assert [round(band["share"], 3) for band in told["bands"]][:1] == [1.0]
    for band in told["bands"]:
        (chosen,) = band["search_params"].values()
        points = {point["value"]: point for point in band["points"]}
        assert points[chosen]["recall"] == band["recall"] >= target
        assert all(point["recall"] < target for value, point in points.items() if value < chosen)
        assert all(point["ms"] > 0 for point in points.values())
        assert band["over_fetch"] == 1  # of one picture each
        assert found_of_exact(shop, build, band["search_params"], band["filter"]) > target - 0.03


@pytest.mark.milvus_server
def test_a_server_needs_as_much_as_it_needs(over_milvus: Shop) -> None:
    graph = live(over_milvus)
    assert graph.index.type == "HNSW"
    told = tuned(over_milvus, graph, recall=0.995)
    check(over_milvus, graph, told, 0.995)

    lists = with_lists(over_milvus)
    told = tuned(over_milvus, lists, recall=0.97)
    check(over_milvus, lists, told, 0.97)
    assert len(told["bands"]) == 4
    assert told["bands"][0]["search_params"]["nprobe"] > 1
    less = {"nprobe": max(1, told["bands"][0]["search_params"]["nprobe"] // 4)}
    assert found_of_exact(over_milvus, lists, less, None) < 0.9

    tried = tuned(over_milvus, lists, recall=0.97, compare=["IVF_SQ8", "HNSW_SQ"])
    check(over_milvus, lists, tried, 0.97)
    by_type = {one["index"]: one for one in tried["compared"]}
    assert "passed_over" in by_type.pop("HNSW_SQ")
    assert all(one["rows"] == PRODUCTS and one["build_seconds"] > 0 and one["ms"] > 0 for one in by_type.values())
    assert by_type["IVF_SQ8"]["reached"]
    with over_milvus.application.store.connection.open() as client:
        assert not [name for name in client.list_collections() if "_try_" in name]
    assert over_milvus.search(CATALOG.name, text="red", filter={"colour": "red"})


@pytest.fixture(scope="module")
def over_lite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with embedded(tmp_path_factory.mktemp("lite")) as opened:
        fill_live(opened.application, open_large(opened.application, PRODUCTS // 6))
        yield opened


def test_milvus_lite_has_nothing_to_tune_and_its_lists_have(over_lite: Shop) -> None:
    exact = live(over_lite)
    told = tuned(over_lite, exact, compare=["HNSW", "IVF_PQ"])
    assert (told["bands"], told["reached"]) == ([], True)
    assert "looks at every row" in told["nothing"]
    graph, unknown = told["compared"]
    assert (graph["rows"], graph["reached"]) == (PRODUCTS // 6, True)
    assert 0.95 <= graph["recall"] < 1  # all are found only where rows are compared one by one
    assert "passed_over" in unknown

    lists = with_lists(over_lite)
    told = tuned(over_lite, lists, recall=0.97)
    assert told["reached"]
    whole, *filtered = told["bands"]
    assert 1 < whole["search_params"]["nprobe"] < 128
    assert {band["search_params"]["nprobe"] for band in filtered} == {1}  # under a filter it looks at every row
    assert over_lite.search(CATALOG.name, text="red", filter={"colour": "red"})

    path = f"{BUILDS}/{lists.id}"
    before = over_lite.client.get(path).json()
    looked = tuned(over_lite, lists, recall=0.5, dry_run=True)
    assert looked["bands"][0]["search_params"]["nprobe"] < whole["search_params"]["nprobe"]
    after = over_lite.client.get(path).json()
    assert (after["searched"], after["tuned"]) == (before["searched"], before["tuned"])

    put_back = over_lite.client.post(f"{path}:untune")
    assert put_back.status_code == 200
    assert not {"searched", "tuned"} & put_back.json().keys()
    assert put_back.json()["events"][-1]["what"] == "untuned"
    assert live(over_lite).searched()[0].search_params == {"nprobe": 16}
    again = over_lite.client.post(f"{path}:untune")
    assert (again.status_code, again.json()) == (200, put_back.json())


def test_what_is_asked_wrongly_is_refused(over_lite: Shop) -> None:
    path = f"{BUILDS}/{live(over_lite).id}:tune"
    for body in (
        {"recall": 0},
        {"recall": 1.5},
        {"recall": "much"},
        {"compare": ["NONE"]},
        {"depth": 1},
        {"dry_run": 1},
    ):
        assert over_lite.client.post(path, json=body).status_code == 422
    for action in ("tune", "untune"):
        assert over_lite.client.post(f"{BUILDS}/none:{action}").status_code == 404
