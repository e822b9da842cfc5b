"""The whole pipeline in one process: what goes in comes out, on SQLite and memory, and on Postgres and Redis."""

import json
import random
import threading
from collections.abc import Iterator
from uuid import uuid4

import pytest
from sqlalchemy import update

from app.adapters.postgres.tables import uploads
from tests.databases import own_database
from tests.factories import a_picture
from tests.integration.shops import Shop, embedded, inline, lines, over_servers, web

RED, GREEN, BLUE, YELLOW = (a_picture(colour) for colour in ("red", "green", "blue", "yellow"))


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with web({"/green.jpg": GREEN, "/page.html": b"<html></html>"}) as address:
        yield address


@pytest.fixture(scope="module", params=["embedded", "servers"])
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, address: str) -> Iterator[Shop]:
    data = tmp_path_factory.mktemp("shop")
    fetching = {"allow_private_urls": True, "url_ports": {int(address.rpartition(":")[2])}}
    if request.param == "embedded":
        with embedded(data, **fetching) as opened:
            yield opened
        return
    postgres, redis = (request.getfixturevalue(name) for name in ("postgres_url", "redis_url"))
    with own_database(postgres) as url, over_servers(data, url, redis, **fetching) as opened:
        yield opened


@pytest.fixture
def catalog(shop: Shop) -> Iterator[str]:
    """A catalog of its own for every test, in which everything is settled before and after."""
    name = f"c{uuid4().hex[:8]}"
    shop.declare(name)
    yield name
    shop.idle()


def encoded(shop: Shop) -> tuple[int, int]:
    return shop.encoder.encoded_images, shop.encoder.encoded_texts


def test_what_is_uploaded_is_indexed_and_found_by_words_picture_filter_and_likeness(shop: Shop, catalog: str) -> None:
    pictures = {"red": RED, "green": GREEN, "blue": BLUE}
    accepted = [
        shop.put(
            catalog, f"p-{colour}", title=f"a {colour} lamp", attributes={"colour": colour}, images=inline(picture)
        )
        for colour, picture in pictures.items()
    ]
    receipts = shop.settled(*accepted)
    assert {one["state"] for one in receipts} == {"indexed"}
    assert all(
        one["searchable_at"] and [stage["stage"] for stage in one["stages"]][-1] == "indexed" for one in receipts
    )
    assert shop.vectors(catalog) == (3, 3)
    assert shop.search(catalog, text="a blue lamp")[0] == "p-blue"
    assert shop.search(catalog, image=inline(a_picture("green", size=(64, 48)))[0])[0] == "p-green"
    assert shop.search(catalog, text="lamp", filter={"colour": "red"}) == ["p-red"]
    assert set(shop.search(catalog, image={"product_id": "p-red"})) == {"p-green", "p-blue"}
    assert shop.client.get(f"/v1/catalogs/{catalog}").json()["build"]["indexed"] == 3


def test_facets_and_total_are_counted_over_http(shop: Shop, catalog: str) -> None:
    held = [{"price": 3, "sizes": ["S", "M"], "in_stock": True}, {"price": 12.5, "sizes": ["M"], "in_stock": False}]
    shop.settled(*(shop.put(catalog, f"p{n}", attributes=one) for n, one in enumerate(held)))
    path = f"/v1/catalogs/{catalog}/search"
    names = ["price", "sizes", "in_stock", "released"]
    answer = shop.client.get(path, params={"facets": names}).json()
    assert answer["total"] == {"value": 2, "exact": True, "scope": "catalog"}
    assert answer["facets"]["sizes"] == {"M": 2, "S": 1}
    assert answer["facets"]["in_stock"] == {"false": 1, "true": 1}
    assert answer["facets"]["released"] == {"min": None, "max": None, "buckets": []}
    price = answer["facets"]["price"]
    assert (price["min"], price["max"]) == (3.0, 12.5)
    for bucket in price["buckets"]:
        bound = {"gte": bucket["gte"], "lt": bucket["lt"]}
        found = shop.client.post(path, json={"filter": {"price": bound}}).json()
        assert found["total"]["value"] == len(found["hits"]) == bucket["count"]
    asked = shop.client.post(path, json={"text": "mug", "facets": ["sizes"], "filter": {"in_stock": True}}).json()
    assert (asked["facets"], asked["total"]["scope"]) == ({"sizes": {"M": 1, "S": 1}}, "candidates")
    assert "facets" not in shop.client.get(path).json()


def test_pictures_are_shown_in_order_and_a_hit_says_which_one_matched(shop: Shop, catalog: str) -> None:
    shop.settled(shop.put(catalog, "p", images=inline(RED, GREEN, BLUE)))
    assert shop.vectors(catalog) == (3, 1)
    answer = shop.client.post(f"/v1/catalogs/{catalog}/search:image", files={"image": ("x", GREEN)}).json()
    (hit,) = answer["hits"]
    assert hit["matched_image"]["position"] == 1
    assert [image["position"] for image in hit["images"]] == [0, 1, 2]
    shown = shop.client.get(hit["matched_image"]["url"])
    assert (shown.content, shown.headers["content-type"]) == (GREEN, "image/jpeg")
    assert shop.client.get(hit["matched_image"]["url"].replace(catalog, "another")).status_code == 404


def test_a_product_without_pictures_is_found_by_its_text(shop: Shop, catalog: str) -> None:
    shop.settled(shop.put(catalog, "plain", title="a walnut sideboard"), shop.put(catalog, "p", images=inline(RED)))
    assert shop.vectors(catalog) == (1, 2)
    assert "plain" in shop.search(catalog, text="a walnut sideboard")
    assert shop.search(catalog, text="a walnut sideboard", legs={"text": 1})[0] == "plain"


def test_a_bad_picture_behind_a_url_is_marked_and_the_receipt_says_so(shop: Shop, catalog: str, address: str) -> None:
    urls = [f"{address}/{name}" for name in ("green.jpg", "none.jpg", "page.html")]
    (receipt,) = shop.settled(shop.put(catalog, "p", title="a lamp", images=[{"url": url} for url in urls]))
    assert receipt["state"] == "indexed"
    told = [(one["position"], one["source"], one["error"]["code"]) for one in receipt["images"]]
    assert told == [(1, urls[1], "fetch_refused"), (2, urls[2], "image_format")]
    images = shop.client.get(f"/v1/catalogs/{catalog}/products/p").json()["images"]
    assert [one.get("error", {}).get("code") for one in images] == [None, "fetch_refused", "image_format"]
    assert (images[0]["width"], images[0]["source"]) == (24, urls[0])
    assert shop.search(catalog, image=inline(GREEN)[0]) == ["p"]
    assert "images" not in shop.settled(shop.put(catalog, "q", images=inline(RED)))[0]


def test_a_patch_encodes_nothing_and_is_searchable(shop: Shop, catalog: str) -> None:
    shop.settled(shop.put(catalog, "p", images=inline(RED), attributes={"price": 1, "colour": "red"}))
    before = encoded(shop)
    patched = shop.client.patch(
        f"/v1/catalogs/{catalog}/products/p", json={"attributes": {"price": 20, "colour": None}}
    )
    assert patched.status_code == 202
    assert shop.settled(patched)[0]["state"] == "indexed"
    assert encoded(shop) == before
    legs = {"image": 1.0}
    assert shop.search(catalog, image=inline(RED)[0], legs=legs, filter={"price": {"gte": 10}}) == ["p"]
    assert shop.search(catalog, image=inline(RED)[0], legs=legs, filter={"colour": "red"}) == []


def test_a_deletion_leaves_no_vector_and_no_late_version_brings_one_back(shop: Shop, catalog: str) -> None:
    shop.settled(shop.put(catalog, "p", images=inline(RED, BLUE), version=3))
    deleted = shop.client.delete(f"/v1/catalogs/{catalog}/products/p")
    overtaking = shop.client.delete(f"/v1/catalogs/{catalog}/products/never", params={"version": 9})
    assert [(one.status_code, one.json()["version"]) for one in (deleted, overtaking)] == [(202, 4), (202, 9)]
    assert [one["state"] for one in shop.settled(deleted, overtaking)] == ["indexed", "indexed"]
    assert shop.vectors(catalog) == (0, 0)
    late = [shop.put(catalog, name, images=inline(RED), version=2) for name in ("p", "never")]
    assert [one["state"] for one in shop.settled(*late)] == ["superseded", "superseded"]
    assert shop.client.get(f"/v1/catalogs/{catalog}/products/p").status_code == 404
    assert (shop.search(catalog), shop.vectors(catalog)) == ([], (0, 0))


def test_the_same_contents_are_encoded_once_and_stating_everything_again_changes_nothing(
    shop: Shop, catalog: str
) -> None:
    twice = inline(*[a_picture("yellow", size=(31, 17))] * 2)
    titled = {"title": f"a title like no other in {catalog}", "images": twice}
    products = lines(*({"product_id": f"p{place}", "attributes": {"price": place}, **titled} for place in range(12)))
    counters = encoded(shop)
    first = shop.client.post(f"/v1/catalogs/{catalog}/products:batch", content=products)
    assert first.status_code == 207
    shop.idle()
    assert encoded(shop) == (counters[0] + 1, counters[1] + 1)
    assert shop.vectors(catalog) == (12, 12)
    before = shop.everything(catalog)
    again = shop.client.post(f"/v1/catalogs/{catalog}/products:batch", content=products)
    told = [[json.loads(line)["upload_id"] for line in one.text.splitlines()] for one in (first, again)]
    assert told[0] == told[1]
    shop.idle()
    assert shop.everything(catalog) == before
    assert encoded(shop) == (counters[0] + 1, counters[1] + 1)


def test_writers_of_versions_of_one_product_leave_the_newest_in_the_store_and_the_database(
    shop: Shop, catalog: str
) -> None:
    pictures = {version: [RED, GREEN, BLUE, YELLOW][: version % 4 + 1] for version in range(1, 25)}
    accepted: list[dict[str, object]] = []

    def write(versions: list[int]) -> None:
        for version in versions:
            images = inline(*pictures[version])
            accepted.append(shop.put(catalog, "p", title=f"version {version}", images=images, version=version))

    shuffled = random.Random(7).sample(sorted(pictures), len(pictures))
    writers = [threading.Thread(target=write, args=(shuffled[part::3],)) for part in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    states = {one["version"]: one["state"] for one in shop.settled(*accepted)}
    assert states.pop(24) == "indexed"
    assert set(states.values()) <= {"superseded", "indexed"}
    stored = shop.client.get(f"/v1/catalogs/{catalog}/products/p").json()
    assert (stored["version"], stored["title"], stored["state"]) == (24, "version 24", "indexed")
    with shop.application.database.reading() as transaction:
        build = transaction.builds.live(catalog)
    assert build is not None
    store = shop.application.store
    rows = store.stamps(build.texts, ["p"]) | store.stamps(build.images, [f"p#{place}" for place in range(4)])
    assert {row_id: stamp.version for row_id, stamp in rows.items()} == {"p": 24, "p#0": 24}


def test_a_dead_upload_is_shown_with_its_reason_and_can_be_tried_again(shop: Shop, catalog: str) -> None:
    accepted = shop.put(catalog, "p", images=inline(RED))
    shop.idle()
    writer = shop.application.database.engine.execution_options(vitrine_writes=True)
    with writer.begin() as connection:  # as if a worker had buried it
        dead = {"state": "dead", "error_code": "bad_vector", "error_detail": "not a number"}
        connection.execute(update(uploads).where(uploads.c.id == accepted["upload_id"]).values(**dead))
    assert shop.client.get(f"/v1/catalogs/{catalog}/products/p").json()["state"] == "dead"
    receipt = shop.receipt(accepted["upload_id"])
    assert receipt["error"] == {"code": "bad_vector", "detail": "not a number"}
    listed = shop.client.get("/v1/uploads", params={"state": "dead", "catalog": catalog}).json()["uploads"]
    assert [one["upload_id"] for one in listed] == [accepted["upload_id"]]
    retried = shop.client.post(f"/v1/uploads/{accepted['upload_id']}:retry")
    assert retried.status_code == 202
    (settled,) = shop.settled(accepted)
    assert (settled["state"], "error" in settled) == ("indexed", False)
    refused = shop.client.post(f"/v1/uploads/{accepted['upload_id']}:retry")
    assert (refused.status_code, refused.json()["code"]) == (409, "not_retryable")
