"""The parts of `vitrine ingest`, against a service that answers in memory."""

from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from app.adapters.manifest import BadRow, Manifest, ManifestRow, UrlPicture
from app.cli.connection import Service
from app.cli.ingest import batches as batching
from app.cli.ingest import send, wait
from app.cli.ingest.batches import Batch, batches
from app.cli.ingest.column_types import stated_types, warning_of
from app.cli.ingest.declare import declare
from app.cli.ingest.send import Sender
from app.cli.ingest.summary import summary
from app.cli.ingest.tally import Tally
from app.cli.ingest.wait import Watcher, newest_upload
from app.cli.screen import Screen
from app.domain.errors import Invalid, Unavailable
from app.domain.products import AttributeType

Handler = Callable[[httpx.Request], httpx.Response]


def service(handler: Handler) -> Service:
    return Service(httpx.Client(transport=httpx.MockTransport(handler), base_url="http://service"), private=False)


def problem(status: int, code: str, **more: Any) -> httpx.Response:
    return httpx.Response(status, json={"status": status, "code": code, "detail": f"told {code}", **more})


def read(path: Path, schema: dict[str, AttributeType] | None = None) -> list[Batch]:
    with Manifest(path) as manifest:
        return list(batches(manifest.rows(schema or {})))


def written(path: Path, *products: dict[str, Any]) -> Path:
    path.write_bytes(b"\n".join(orjson.dumps(product) for product in products))
    return path


# --- batches


def test_a_row_becomes_a_line_with_its_pictures_in_order(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"first")
    places = ["a.jpg", "http://shop.example/b.jpg"]
    row = {"product_id": "m", "title": "Mug", "description": "Blue", "price": "9.5", "images": places}
    (batch,) = read(written(tmp_path / "m.jsonl", row), {"price": AttributeType.NUMBER})
    assert orjson.loads(batch.lines[0]) == {
        "product_id": "m",
        "title": "Mug",
        "description": "Blue",
        "attributes": {"price": 9.5},
        "images": [{"data": b64encode(b"first").decode()}, {"url": "http://shop.example/b.jpg"}],
    }
    assert batch.refusals == []
    assert batch.places == {"m": [str(tmp_path / "a.jpg"), "http://shop.example/b.jpg"]}


def test_a_missing_picture_is_left_out_and_listed(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"first")
    row = {"product_id": "m", "title": "Mug", "images": ["gone.jpg", "a.jpg"]}
    (batch,) = read(written(tmp_path / "m.jsonl", row))
    assert [b64decode(image["data"]) for image in batch.products[0]["images"]] == [b"first"]
    assert [(refusal[:2], refusal[3]) for refusal in batch.refusals] == [(("m", "image_missing"), "picture")]


def test_a_row_of_which_no_picture_exists_is_not_sent(tmp_path: Path) -> None:
    rows = [{"product_id": "m", "title": "Mug", "image": "gone.jpg"}, {"product_id": "n", "title": "No picture"}]
    (batch,) = read(written(tmp_path / "m.jsonl", *rows))
    assert [product["product_id"] for product in batch.products] == ["n"]
    assert [(refusal[:2], refusal[3]) for refusal in batch.refusals] == [(("m", "image_missing"), "product")]


def test_a_bad_row_is_listed_with_its_line() -> None:
    (batch,) = batches([BadRow(7, None, "bad_json", "the line is not JSON")])
    assert (batch.lines, batch.refusals) == ([], [(None, "bad_json", "line 7: the line is not JSON", "product")])


def test_a_url_that_is_no_unicode_is_left_to_the_service() -> None:
    row = ManifestRow(1, "m", "Mug", "", (UrlPicture("http://\ud800"),), {})
    (batch,) = batches([row])
    assert orjson.loads(batch.lines[0])["images"] == [{"url": "http://?"}]


def test_batches_are_bounded_by_count_and_by_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [ManifestRow(number, f"p{number}", "x" * 50, "", (), {}) for number in range(250)]
    assert [len(batch.lines) for batch in batches(rows)] == [100, 100, 50]
    monkeypatch.setattr(batching, "MAX_BYTES", 1_000)
    small = list(batches(rows))
    assert sum(len(batch.lines) for batch in small) == 250
    assert max(sum(map(len, batch.lines)) for batch in small) <= 1_000
    monkeypatch.setattr(batching, "MAX_BYTES", 10)
    assert [len(batch.lines) for batch in batches(rows[:3])] == [1, 1, 1]  # too large for any batch, and still sent


# --- the catalog


class Catalogs:
    """The part of the API that declares catalogs."""

    def __init__(self, **declared: dict[str, str]) -> None:
        self.declared = declared
        self.puts = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        name = request.url.path.removeprefix("/v1/catalogs/")
        if request.method == "PUT":
            self.puts += 1
            self.declared[name] = orjson.loads(request.content)["attributes"]
        if name not in self.declared:
            return problem(404, "unknown_catalog")
        told = {"name": name, "attributes": self.declared[name], "caption": [], "build": {"encoder": "m"}}
        return httpx.Response(200, json=told)


def test_a_catalog_that_is_not_there_is_declared_with_the_types_of_the_manifest(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text("product_id,title,price,colour\na,A,9.5,red\nb,B,,blue\nc,,no,bad row\n")
    catalogs = Catalogs()
    with Manifest(path) as manifest:
        found = declare(service(catalogs), "shop", manifest, {})
    assert catalogs.declared == {"shop": {"price": "number", "colour": "keyword"}}
    assert found is not None
    assert (found.created, found.rows) == (True, 3)


def test_only_new_columns_are_added_to_a_catalog_and_nothing_the_second_time(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text("product_id,title,price,colour\na,A,9.5,red\n")
    catalogs = Catalogs(shop={"price": "keyword", "brand": "keyword"})
    for _ in range(2):
        with Manifest(path) as manifest:
            found = declare(service(catalogs), "shop", manifest, {})
    assert catalogs.declared["shop"] == {"price": "keyword", "brand": "keyword", "colour": "keyword"}
    assert catalogs.puts == 1
    assert found is not None
    assert (found.created, found.added) == (False, {})


def test_no_catalog_is_made_for_a_manifest_without_a_good_row(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text("product_id,title,price\na,,9.5\n")
    catalogs = Catalogs()
    with Manifest(path) as manifest:
        assert declare(service(catalogs), "shop", manifest, {}) is None
    assert catalogs.declared == {}


PRICES = "product_id,title,price,sizes\n" + "".join(f"p{number},P,{number}.5,S|M\n" for number in range(10))


def declared(
    tmp_path: Path, text: str, *types: str, left_out: Sequence[str] = (), **known: str
) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """What a catalog `shop` declares after an ingest with these --type options, and what is warned of."""
    path = tmp_path / "m.csv"
    path.write_text(text)
    catalogs = Catalogs(**({"shop": known} if known else {}))
    with Manifest(path, left_out=left_out) as manifest:
        found = declare(service(catalogs), "shop", manifest, stated_types(types))
    assert found is not None
    return catalogs.declared["shop"], [warning_of(miss) for miss in found.near_misses]


def test_a_stated_type_wins_over_the_inferred_one_and_is_not_warned_of(tmp_path: Path) -> None:
    text = PRICES + "bad,Bad,n/a,L\n"
    types = {"price": "number", "sizes": "keyword[]"}
    assert declared(tmp_path, text, "price=number", "sizes = keyword[]") == (types, [])
    assert declared(tmp_path, text, "price=text") == ({"price": "text", "sizes": "keyword"}, [])
    (batch,) = read(tmp_path / "m.csv", {name: AttributeType(told) for name, told in types.items()})
    assert len(batch.products) == 10
    assert batch.products[3]["attributes"] == {"price": 3.5, "sizes": ["S", "M"]}
    assert batch.refusals == [
        ("bad", "attribute_type", "line 12: attributes.price must be a number, and is 'n/a'", "product")
    ]


def test_a_column_that_few_cells_keep_from_its_type_is_warned_of(tmp_path: Path) -> None:
    types, (warning,) = declared(tmp_path, PRICES + "bad,Bad,n/a,L\n")
    assert types == {"price": "keyword", "sizes": "keyword"}
    detail = warning.pop("detail")
    assert warning == {"attribute": "price", "type": "keyword", "line": 12, "value": "n/a"}
    assert "1 of its 11 values" in detail
    assert "line 12: 'n/a'" in detail
    assert "--type price=number" in detail


def test_a_column_that_the_catalog_declares_is_not_warned_of(tmp_path: Path) -> None:
    assert declared(tmp_path, PRICES + "bad,Bad,n/a,L\n", price="keyword")[1] == []


def test_a_column_without_a_value_is_declared_where_its_type_is_stated(tmp_path: Path) -> None:
    text = "product_id,title, sale ,price,note\na,A,,9.5,\nb,B, ,8,\n"
    assert declared(tmp_path, text, "sale=number") == ({"price": "number", "sale": "number"}, [])
    assert declared(tmp_path, text, "sale=number", price="number")[0] == {"price": "number", "sale": "number"}
    assert declared(tmp_path, text)[0] == {"price": "number"}


@pytest.mark.parametrize(
    ("option", "left_out"), [("title=text", ()), ("images=keyword[]", ()), ("price=number", ("price",))]
)
@pytest.mark.parametrize("known", [{}, {"price": "number", "title": "text", "images": "keyword[]"}])
def test_a_type_of_what_is_no_attribute_is_refused_in_words_of_its_own(
    tmp_path: Path, option: str, left_out: Sequence[str], known: dict[str, str]
) -> None:
    with pytest.raises(Invalid, match="is no attribute") as caught:
        declared(tmp_path, PRICES, option, left_out=left_out, **known)
    assert caught.value.code == "not_an_attribute"


@pytest.mark.parametrize("again", ["price=keyword", "price=number", " price = number"])
def test_a_type_stated_twice_is_refused(again: str) -> None:
    with pytest.raises(Invalid, match="'price' more than once") as caught:
        stated_types(["price=number", "sizes=keyword[]", again])
    assert caught.value.code == "usage"


@pytest.mark.parametrize(
    ("option", "known", "code"),
    [
        ("price", {}, "usage"),
        ("price=money", {}, "usage"),
        ("=number", {}, "usage"),
        ("prise=number", {}, "unknown_column"),
        ("price=number", {"price": "keyword"}, "schema_change"),
    ],
)
def test_a_stated_type_that_cannot_hold_is_refused_before_anything_is_declared(
    tmp_path: Path, option: str, known: dict[str, str], code: str
) -> None:
    with pytest.raises(Invalid) as caught:
        declared(tmp_path, PRICES, option, **known)
    assert caught.value.code == code


# --- sending


class Batches:
    """The part of the API that takes batches: a picture whose content is "bad" is refused, the first one alone."""

    def __init__(self, *, most: int = 1_000, busy: int = 0) -> None:
        self.stored: dict[str, list[str]] = {}
        self.requests = 0
        self._most = most
        self._failing = busy

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        if self._failing:
            self._failing -= 1
            return problem(503, "database_unavailable")
        lines = [orjson.loads(line) for line in request.content.splitlines()]
        if len(lines) > self._most:
            return httpx.Response(413, text="<html>too large</html>")
        answers = [self._answer(line) for line in lines]
        return httpx.Response(207, content=b"\n".join(orjson.dumps(answer) for answer in answers) + b"\n")

    def _answer(self, line: dict[str, Any]) -> dict[str, Any]:
        product_id = line["product_id"]
        pictures = [b64decode(image["data"]).decode() for image in line["images"]]
        if "bad" in pictures:
            field = f"images[{pictures.index('bad')}]"
            return {"product_id": product_id, "status": 422, "code": "image_corrupt", "detail": "no", "field": field}
        if line["title"] == "refused":
            return {"product_id": product_id, "status": 422, "code": "bad_text", "detail": "no", "field": "title"}
        self.stored[product_id] = pictures
        return {"product_id": product_id, "status": 202, "upload_id": f"u-{product_id}", "state": "fetched"}


def sent(api: Batches, *products: dict[str, Any]) -> Tally:
    tally = Tally()
    batch = Batch()
    for product in products:
        places = [f"{number}.jpg" for number in range(len(product["images"]))]
        batch.add(product, orjson.dumps(product), places)
    Sender(Screen(json=True), service(api), "shop", tally).send(batch)
    return tally


def product(product_id: str, *pictures: str, title: str = "A product") -> dict[str, Any]:
    images = [{"data": b64encode(picture.encode()).decode()} for picture in pictures]
    return {"product_id": product_id, "title": title, "attributes": {}, "images": images}


def test_a_product_goes_in_without_the_pictures_that_are_refused() -> None:
    api = Batches()
    tally = sent(api, product("a", "bad", "one", "bad", "two"), product("b", "three"), product("c", "bad"))
    assert api.stored == {"a": ["one", "two"], "b": ["three"], "c": []}
    assert tally.accepted == 3
    assert [(error["product_id"], error["detail"], error["lost"]) for error in tally.errors] == [
        ("a", "0.jpg: no", "picture"),
        ("c", "0.jpg: no", "picture"),
        ("a", "2.jpg: no", "picture"),
    ]


def test_a_product_that_is_refused_is_listed_and_costs_no_other() -> None:
    tally = sent(Batches(), product("a", title="refused"), product("b"))
    assert tally.accepted == 1
    assert tally.errors == [{"product_id": "a", "code": "bad_text", "detail": "no", "lost": "product"}]


def test_a_service_that_is_busy_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(send, "_FIRST_DELAY_S", 0.001)
    api = Batches(busy=3)
    assert sent(api, product("a")).accepted == 1
    assert api.requests == 4


def test_a_service_that_stays_away_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(send, "_FIRST_DELAY_S", 0.001)
    monkeypatch.setattr(send, "_PATIENCE_S", 0.01)
    with pytest.raises(Unavailable) as caught:
        sent(Batches(busy=1_000), product("a"))
    assert caught.value.code == "database_unavailable"


def test_a_batch_that_is_too_large_for_a_proxy_is_sent_in_parts() -> None:
    api = Batches(most=2)
    tally = sent(api, *(product(str(number)) for number in range(7)))
    assert (tally.accepted, len(api.stored)) == (7, 7)


def test_a_product_that_is_too_large_by_itself_is_listed() -> None:
    tally = sent(Batches(most=0), product("a"))
    assert (tally.accepted, tally.errors[0]["product_id"], tally.errors[0]["code"]) == (0, "a", "http_413")


# --- waiting


NOON = "2024-05-01T12:00:00+00:00"


def receipt(upload_id: str, state: str, *, at: str = NOON, **more: Any) -> dict[str, Any]:
    stages = [{"stage": "accepted", "at": at}]
    return {
        "upload_id": upload_id,
        "product_id": upload_id.removeprefix("u"),
        "state": state,
        "stages": stages,
        **more,
    }


def watched(states: dict[str, str], pending: int) -> tuple[Tally, list[int]]:
    """Look once at uploads u0, u1 … of which the service knows `states`."""
    asked: list[int] = []

    def receipts(request: httpx.Request) -> httpx.Response:
        ids = request.url.params["ids"].split(",")
        asked.append(len(ids))
        return httpx.Response(200, json={"uploads": [receipt(one, states[one]) for one in ids if one in states]})

    tally = Tally()
    for number in range(pending):
        tally.accept(receipt(f"u{number}", "fetched"), pictured=True)
    Watcher(Screen(json=True), service(receipts), tally).look()
    return tally, asked


def test_uploads_are_asked_for_200_at_a_time_and_counted_by_their_last_state() -> None:
    states = {f"u{number}": "indexed" for number in range(250)}
    states |= {"u1": "superseded", "u2": "dead", "u3": "encoded"}
    tally, asked = watched(states, 250)
    assert asked == [200]
    assert dict(tally.ended) == {"indexed": 197, "superseded": 1, "dead": 1}
    assert len(tally.pending) == 51
    assert next(iter(tally.pending)) == "u3"


def test_an_upload_that_the_service_does_not_know_is_no_longer_waited_for() -> None:
    tally, _ = watched({}, 1)
    assert not tally.pending
    assert [(error["product_id"], error["code"]) for error in tally.errors] == [("0", "unknown_upload")]


def test_uploads_behind_stuck_ones_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wait, "_STALLED_S", 0.0)
    tally, _ = watched({f"u{number}": "accepted" for number in range(300)}, 300)
    assert next(iter(tally.pending)) == "u200"
    assert len(tally.pending) == 300


def test_what_holds_uploads_up_is_told_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(wait, "_STALLED_S", 0.0)
    stuck = {
        "next_attempt_at": "2026-11-21T12:00:30+00:00",
        "last_error": {"code": "fetch_failed", "detail": "nowhere.invalid is not known"},
    }
    later = {**stuck, "next_attempt_at": "2026-11-21T12:00:40+00:00"}
    told = [receipt("u1", "accepted", **later), receipt("u2", "accepted", **stuck), receipt("u3", "fetched")]
    tally = Tally()
    for one in told:
        tally.accept(one, pictured=True)
    watcher = Watcher(Screen(json=True), service(lambda _: httpx.Response(200, json={"uploads": told})), tally)
    for _ in range(2):
        watcher._next = 0.0
        watcher.look()
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("2 waiting for another attempt: product 2, at ")
    assert line.endswith("nowhere.invalid is not known [fetch_failed]")


def test_a_catalogue_without_pictures_is_told_how_they_are_named() -> None:
    tally = Tally()
    tally.accept(receipt("u1", "indexed"), pictured=False)
    assert "`image`" in str(summary(tally, 1.0)[1])
    tally.accept(receipt("u2", "indexed"), pictured=True)
    assert len(summary(tally, 1.0)) == 1


# --- the report


def test_the_report_has_the_numbers_and_why_uploads_died() -> None:
    tally = Tally()
    tally.accept(receipt("u1", "indexed"), pictured=True)
    tally.accept(receipt("u2", "encoded"), pictured=True)
    tally.end(receipt("u1", "indexed"))
    tally.end(receipt("u2", "dead", error={"code": "bad_vector", "detail": "NaN"}))
    assert tally.report(1.23456) == {
        "accepted": 2,
        "unchanged": 0,
        "indexed": 1,
        "superseded": 0,
        "dead": 1,
        "errors": [{"product_id": "2", "code": "bad_vector", "detail": "NaN", "lost": "product"}],
        "warnings": [],
        "seconds": 1.235,
    }
    assert tally.failed


def test_a_picture_that_could_not_be_fetched_is_listed_and_its_product_counted() -> None:
    tally = Tally()
    error = {"code": "fetch_refused", "detail": "404"}
    tally.accept(receipt("u1", "fetched"), pictured=True)
    tally.end(receipt("u1", "indexed", images=[{"position": 1, "source": "http://x/a.jpg", "error": error}]))
    assert tally.ended["indexed"] == 1
    assert tally.errors == [
        {"product_id": "1", "code": "fetch_refused", "detail": "images[1] http://x/a.jpg: 404", "lost": "picture"},
    ]


def test_an_error_that_echoes_bad_unicode_can_be_written_as_json() -> None:
    tally = Tally()
    tally.refuse("\ud800", "bad_id", "product_id \udcff is none")
    assert orjson.loads(orjson.dumps(tally.report(0.0)))["errors"][0]["product_id"] == "?"


def test_uploads_of_before_the_ingest_are_told_as_unchanged() -> None:
    newest = receipt("u0", "indexed", at="2024-05-01T12:00:00.5+00:00")
    api = service(
        lambda request: httpx.Response(200, json={"uploads": [newest] if request.url.params["limit"] else []})
    )
    tally = Tally(newest_upload(api, "shop"))
    for number, at in enumerate(
        ["2024-05-01T11:00:00+00:00", "2024-05-01T12:00:00.5+00:00", "2024-05-01T12:00:01+00:00"]
    ):
        tally.accept(receipt(f"u{number}", "indexed"), pictured=True)
        tally.end(receipt(f"u{number}", "indexed", at=at))
    assert tally.report(0.0)["unchanged"] == 2
    assert summary(tally, 1.0) == ["3 accepted (2 already as stated), 3 indexed, 0 superseded, 0 dead in 1.0 s"]


def test_a_second_run_says_that_nothing_changed_and_which_pictures_still_lack() -> None:
    tally = Tally(datetime.fromisoformat(NOON))
    error = {"code": "fetch_refused", "detail": "404"}
    tally.accept(receipt("u1", "indexed"), pictured=True)
    tally.end(receipt("u1", "indexed", images=[{"position": 0, "error": error}]))
    first, second, _ = summary(tally, 1.0)
    assert first.startswith("1 accepted (every one already as stated: nothing changed), 1 indexed")
    assert second == "1 picture left out; its product is searchable without it"
    assert tally.failed


def test_nothing_was_there_before_the_first_ingest() -> None:
    assert newest_upload(service(lambda _: httpx.Response(200, json={"uploads": []})), "shop") is None


def test_the_summary_tells_lost_products_from_lost_pictures() -> None:
    tally = Tally()
    tally.refuse("a", "image_corrupt", "no", "picture")
    tally.refuse("a", "bad_text", "no")  # its picture no longer matters
    tally.refuse("b", "image_missing", "line 2: gone")
    tally.refuse("b", "image_missing", "line 2: gone too")
    tally.refuse(None, "bad_json", "line 3: no")
    tally.refuse(None, "bad_json", "line 4: no")
    tally.refuse("c", "image_corrupt", "no", "picture")
    tally.refuse("c", "image_corrupt", "no", "picture")
    tally.refuse(None, "interrupted", "the rest", None)
    assert tally.losses == (4, 2)
    assert summary(tally, 0.0)[1:3] == [
        "4 products not taken",
        "2 pictures left out; their products are searchable without them",
    ]
