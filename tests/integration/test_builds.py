"""Changing the model or the index while the shop is open, on SQLite and memory, and on Postgres and Redis."""

import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from app.domain.errors import EncoderNotFound
from tests.databases import own_database
from tests.factories import a_picture
from tests.fakes.encoders import FakeEncoder
from tests.integration.shops import PATIENCE_S, Shop, embedded, inline, lines, over_servers

RED, BLUE = a_picture("red"), a_picture("blue")


@pytest.fixture(scope="module", params=["embedded", "servers"])
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    data = tmp_path_factory.mktemp("shop")
    settings = {"build_page": 4, "gate_slower": 100.0}  # how long a search takes on a busy machine says nothing
    others = [FakeEncoder("other", weights="1"), FakeEncoder("unused", weights="2")]
    if request.param == "embedded":
        with embedded(data, others=others, **settings) as opened:
            yield opened
        return
    postgres, redis = (request.getfixturevalue(name) for name in ("postgres_url", "redis_url"))
    with own_database(postgres) as url, over_servers(data, url, redis, others=others, **settings) as opened:
        yield opened


@pytest.fixture
def catalog(shop: Shop) -> Iterator[str]:
    """A catalog of ten products of its own for every test."""
    name = f"c{uuid4().hex[:8]}"
    shop.declare(name)
    fill(shop, name)
    yield name
    shop.idle()


def fill(shop: Shop, catalog: str, count: int = 10) -> None:
    products = [
        {"product_id": f"p{number}", "title": f"lamp {number}", "images": inline((RED, BLUE)[number % 2])}
        for number in range(count)
    ]
    answer = shop.client.post(f"/v1/catalogs/{catalog}/products:batch", content=lines(*products))
    assert answer.status_code == 207
    shop.idle()


def call(shop: Shop, method: str, path: str, status: int = 200, **body: Any) -> Any:
    answer = shop.client.request(method, f"/v1/catalogs/{path}", **({"json": body} if method == "POST" else {}))
    assert answer.status_code == status, answer.text
    return answer.json()


def start(shop: Shop, catalog: str, **stated: Any) -> str:
    started = call(shop, "POST", f"{catalog}/builds", 202, **stated)
    assert started["state"] == "building"
    return str(started["id"])


def reached(shop: Shop, catalog: str, build: str, state: str) -> dict[str, Any]:
    """The build, once it is in a state."""
    until = time.monotonic() + PATIENCE_S
    while (told := call(shop, "GET", f"{catalog}/builds/{build}"))["state"] != state:
        assert time.monotonic() < until, told
        time.sleep(0.02)
    return dict(told)


def ready(shop: Shop, catalog: str, **stated: Any) -> str:
    build = start(shop, catalog, **stated)
    told = reached(shop, catalog, build, "ready")
    assert told["report"]["passed"], told
    return build


def live(shop: Shop, catalog: str) -> str:
    (found,) = [one["id"] for one in call(shop, "GET", f"{catalog}/builds")["builds"] if one["state"] == "live"]
    return str(found)


def test_another_encoder_is_filled_checked_promoted_and_taken_back(shop: Shop, catalog: str) -> None:
    before = live(shop, catalog)
    build = start(shop, catalog, encoder="other")
    told = reached(shop, catalog, build, "ready")
    assert (told["indexed"], told["products"], told["encoder"]) == (10, 10, "other")
    assert told["report"]["passed"]
    assert live(shop, catalog) == before
    assert call(shop, "POST", f"{catalog}/builds/{build}:promote")["state"] == "live"
    assert live(shop, catalog) == build
    answer = call(shop, "POST", f"{catalog}/search", text="lamp 3", limit=1)
    assert answer["hits"][0]["product_id"] == "p3"
    assert answer["build"] == {"id": build, "encoder": "other"}
    assert call(shop, "POST", f"{catalog}/builds/{build}:rollback")["id"] == before
    assert call(shop, "POST", f"{catalog}/search", text="lamp 3", limit=1)["build"]["id"] == before
    call(shop, "POST", f"{catalog}/builds/{build}:promote")
    assert live(shop, catalog) == build
    events = [one["what"] for one in call(shop, "GET", f"{catalog}/builds/{build}")["events"]]
    assert events == [
        *("started", "estimated", "opened", "filled", "indexed", "ready"),
        *("promoted", "rolled back", "retired", "promoted"),
    ]


def test_other_parameters_of_the_index_encode_nothing(shop: Shop, catalog: str) -> None:
    encoded = shop.encoder.encoded_images, shop.encoder.encoded_texts
    build = ready(shop, catalog, index="HNSW", params={"M": 8})
    told = call(shop, "GET", f"{catalog}/builds/{build}")
    assert (told["index"], told["params"]["M"], told["indexed"]) == ("HNSW", 8, 10)
    assert (shop.encoder.encoded_images, shop.encoder.encoded_texts) == encoded


def test_a_dry_run_tells_what_a_build_takes_and_leaves_nothing(shop: Shop, catalog: str) -> None:
    before = shop.everything(catalog)
    build = start(shop, catalog, encoder="unused", index="HNSW", dry_run=True)
    told = reached(shop, catalog, build, "aborted")
    estimate = told["estimate"]
    counted = {"products": 10, "pictures": 2, "captions": 10, "stored": 0}
    assert {name: estimate[name] for name in counted} == counted
    assert (estimate["pictures_to_encode"], estimate["captions_to_encode"]) == (2, 10)
    assert estimate["sampled"] == {"pictures": 1, "captions": 1, "rows": 20}
    assert estimate["fits"] and estimate["free_bytes"] > estimate["disk_bytes"] > 20 * 64 * 8  # milvus-lite is here
    assert estimate["seconds"] >= estimate["encoding_seconds"] >= 0
    assert [one["what"] for one in told["events"]] == ["started", "estimated"]
    collections = shop.application.store.connection
    with collections.open() as client:
        assert not [name for name in client.list_collections() if build in name]
    assert shop.everything(catalog) == {**before, "builds": before["builds"] + 1}
    assert [one["id"] for one in call(shop, "GET", f"{catalog}/builds")["builds"]] == [live(shop, catalog)]
    real = reached(shop, catalog, start(shop, catalog, encoder="unused"), "ready")
    assert real["estimate"]["stored"] == 2
    compared = real["events"][-1]["told"]
    assert (compared["passed"], compared["estimated_seconds"]) == (True, real["estimate"]["seconds"])
    assert compared["seconds"] > 0


def test_a_build_that_does_not_fit_fails_and_live_goes_on(
    shop: Shop, catalog: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = live(shop, catalog)
    monkeypatch.setattr(type(shop.application.store), "free_bytes", lambda _: 1_000)
    told = reached(shop, catalog, start(shop, catalog), "failed")
    assert told["error"]["code"] == "disk_short"
    assert not told["estimate"]["fits"]
    assert live(shop, catalog) == before
    monkeypatch.undo()
    ready(shop, catalog)


def test_changes_while_a_build_is_there_are_in_both_and_stay_after_a_rollback(shop: Shop, catalog: str) -> None:
    build = ready(shop, catalog, encoder="other")
    shop.settled(
        shop.put(catalog, "new", title="a green sofa"),
        shop.client.patch(f"/v1/catalogs/{catalog}/products/p1", json={"attributes": {"colour": "red"}}),
        shop.client.delete(f"/v1/catalogs/{catalog}/products/p2"),
    )
    call(shop, "POST", f"{catalog}/builds/{build}:promote")
    check(shop, catalog)
    shop.settled(shop.put(catalog, "newer", title="a blue sofa"))
    call(shop, "POST", f"{catalog}/builds/{build}:rollback")
    check(shop, catalog)
    assert shop.search(catalog, text="a blue sofa", limit=1) == ["newer"]


def check(shop: Shop, catalog: str) -> None:
    assert shop.search(catalog, text="a green sofa", limit=1) == ["new"]
    assert shop.search(catalog, text="lamp", filter={"colour": "red"}) == ["p1"]
    assert "p2" not in shop.search(catalog, text="lamp 2", limit=20)


def test_zero_pauses_filling_and_a_rate_goes_on_with_it(shop: Shop, catalog: str) -> None:
    build = start(shop, catalog, encoder="other", rate=0)
    until = time.monotonic() + PATIENCE_S
    while not call(shop, "GET", f"{catalog}/builds/{build}")["progress"]["products"]:
        assert time.monotonic() < until
        time.sleep(0.02)
    time.sleep(0.5)
    told = call(shop, "GET", f"{catalog}/builds/{build}")
    assert (told["state"], told["progress"]["filled"], told["rate"]) == ("building", 0, 0)
    began = time.monotonic()
    call(shop, "POST", f"{catalog}/builds/{build}:throttle", rate=8.0)
    reached(shop, catalog, build, "ready")
    assert time.monotonic() - began > 0.9  # three pages of four, half a second apart
    assert call(shop, "POST", f"{catalog}/builds/{build}:throttle", 409, rate=1.0)["code"] == "build_state"


def test_an_aborted_build_is_gone_and_the_next_one_may_begin(shop: Shop, catalog: str) -> None:
    build = start(shop, catalog, encoder="other", rate=0)
    assert call(shop, "POST", f"{catalog}/builds", 409)["code"] == "build_unfinished"
    dry = start(shop, catalog, dry_run=True)
    assert reached(shop, catalog, dry, "aborted")["dry_run"]
    assert call(shop, "GET", f"{catalog}/builds")["builds"][0]["id"] == build
    told = call(shop, "POST", f"{catalog}/builds/{build}:abort")
    assert (told["state"], told["takes_uploads"]) == ("aborted", False)
    assert call(shop, "POST", f"{catalog}/builds/{build}:abort", 409)["code"] == "build_state"
    assert call(shop, "POST", f"{catalog}/builds/{build}:promote", 409)["code"] == "build_state"
    ready(shop, catalog)


def test_a_build_that_was_live_is_kept_until_it_is_retired(shop: Shop, catalog: str) -> None:
    first = live(shop, catalog)
    second = ready(shop, catalog)
    call(shop, "POST", f"{catalog}/builds/{second}:promote")
    told = call(shop, "GET", f"{catalog}/builds/{first}")
    assert told["takes_uploads"]
    answers = call(shop, "GET", f"{catalog}/builds/{second}")
    assert told["live_at"] < told["retired_at"] == answers["live_at"]
    assert "retired_at" not in answers
    assert call(shop, "POST", f"{catalog}/builds/{second}:retire", 409)["code"] == "build_state"
    assert not call(shop, "POST", f"{catalog}/builds/{first}:retire")["takes_uploads"]
    assert call(shop, "POST", f"{catalog}/builds/{second}:rollback", 409)["code"] == "no_previous_build"
    third = ready(shop, catalog)
    call(shop, "POST", f"{catalog}/builds/{third}:promote")
    fourth = ready(shop, catalog)
    call(shop, "POST", f"{catalog}/builds/{fourth}:promote")
    states = {one["id"]: one["takes_uploads"] for one in call(shop, "GET", f"{catalog}/builds")["builds"]}
    assert states == {first: False, second: False, third: True, fourth: True}


@pytest.mark.parametrize(
    ("stated", "status", "code"),
    [
        ({"index": "DISKANN"}, 422, "index_type"),
        ({"index": "IVF_PQ"}, 422, "index_type"),
        ({"index": "HNSW", "params": {"nlist": 8}}, 422, "index_param"),
        ({"index": "HNSW", "params": {"M": 1}}, 422, "index_param"),
        ({"params": {"M": "many"}}, 422, "invalid"),
        ({"rate": -1}, 422, "invalid"),
        ({"dry_run": 1}, 422, "invalid"),
        ({"index": "DISKANN", "dry_run": True}, 422, "index_type"),
        ({"encoder": "nowhere"}, 422, "encoder_not_found"),
        ({"shards": 2}, 422, "unknown_field"),
    ],
)
def test_a_build_that_cannot_be_is_refused_and_leaves_nothing(
    shop: Shop, catalog: str, stated: dict[str, Any], status: int, code: str
) -> None:
    assert call(shop, "POST", f"{catalog}/builds", status, **stated)["code"] == code
    assert len(call(shop, "GET", f"{catalog}/builds")["builds"]) == 1


def test_builds_are_those_of_their_catalog(shop: Shop, catalog: str) -> None:
    assert call(shop, "POST", "nowhere/builds", 404)["code"] == "unknown_catalog"
    another = f"c{uuid4().hex[:8]}"
    shop.declare(another)
    build = live(shop, catalog)
    for action in (":promote", ":rollback", ":abort", ":retire"):
        assert call(shop, "POST", f"{another}/builds/{build}{action}", 404)["code"] == "unknown_build"
    assert call(shop, "GET", f"{another}/builds/{build}", 404)["code"] == "unknown_build"


def test_models_are_looked_for_where_somebody_asks(shop: Shop, catalog: str, monkeypatch: pytest.MonkeyPatch) -> None:
    build = ready(shop, catalog, encoder="other")
    call(shop, "POST", f"{catalog}/builds/{build}:promote")

    def faults(question: str) -> list[str | None]:
        found = call(shop, "GET", f"{catalog}/builds{question}")["builds"]
        return [one.get("encoder_fault", {}).get("code") for one in found]

    assert faults("?check_encoders=true") == [None, None]

    def gone(_: str) -> None:
        raise EncoderNotFound("there is none at /srv/secret")

    monkeypatch.setattr(shop.application.encoders, "_loader", type("Gone", (), {"look": staticmethod(gone)}))
    assert faults("?check_encoders=true") == ["encoder_not_found"] * 2
    assert faults("") == [None, None]
    assert "secret" not in shop.client.get(f"/v1/catalogs/{catalog}/builds?check_encoders=true").text
    assert call(shop, "GET", f"{catalog}/builds?check_encoders=2", 422)["code"] == "invalid"
    monkeypatch.setattr(shop.application.encoders, "check", lambda _: False)
    told = call(shop, "GET", f"{catalog}/builds?check_encoders=true")["builds"]
    assert [(one["encoder_to_fetch"], "encoder_fault" in one) for one in told] == [(True, False)] * 2


def test_an_encoder_that_is_not_there_is_told_as_it_was_named(shop: Shop, catalog: str) -> None:
    assert "/models/of/mine" in call(shop, "POST", f"{catalog}/builds", 422, encoder="/models/of/mine")["detail"]


def test_judged_products_that_are_not_there_are_told_with_the_answer(shop: Shop, catalog: str) -> None:
    def judge(*product_ids: str) -> Any:
        judged = {"queries": [{"text": "lamp", "products": dict.fromkeys(product_ids, 1)}]}
        return shop.client.put(f"/v1/catalogs/{catalog}/queries/judged", json=judged).json()

    assert "unknown" not in judge("p1")
    told = judge("p1", *(f"later{number}" for number in range(7)))
    assert told["unknown"] == {"products": 7, "first": [f"later{number}" for number in range(5)]}
    assert call(shop, "GET", f"{catalog}/queries")["unknown"] == told["unknown"]
    assert len(told["judged"][0]["products"]) == 8
