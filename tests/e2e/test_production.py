"""The whole of it as production runs it: Postgres, Redis, Milvus, the API and a worker per queue, all for real."""

import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis
from sqlalchemy import Connection, create_engine, text

from tests import small_models
from tests.databases import own_database
from tests.e2e.production import START_S, WORKERS, Production

pytestmark = [pytest.mark.milvus_server]

PRODUCTS = range(60)
LEASE_S = 4
TAKEN_OVER_S = 60.0  # a lease, a sweep (15 s), and the work, on two cores for everything


@pytest.fixture(scope="module")
def database_url(postgres_url: str) -> Iterator[str]:
    with own_database(postgres_url) as url:
        yield url


@pytest.fixture(scope="module")
def production(
    tmp_path_factory: pytest.TempPathFactory, database_url: str, redis_url: str, milvus_uri: str, shop_url: str
) -> Iterator[Production]:
    folder = tmp_path_factory.mktemp("production")
    small_models.write_other_dual_encoder(folder / "other")
    shop_port = urlsplit(shop_url).port
    settings = {
        "VITRINE_DATABASE_URL": database_url,
        "VITRINE_BROKER_URL": redis_url,
        "VITRINE_MILVUS_URI": milvus_uri,
        "VITRINE_BLOB_URL": str(folder / "pictures"),
        "VITRINE_ENCODER": str(small_models.write_dual_encoder(folder / "model")),
        "VITRINE_INDEX": "FLAT",  # what is stored is found for certain: an approximate index may miss it
        "VITRINE_LEASE_S": str(LEASE_S),
        "VITRINE_BUILD_PAGE": "4",
        "VITRINE_INDEX_BATCH": "4",  # many small batches, so that there is a middle to die in
        "VITRINE_ALLOW_PRIVATE_URLS": "true",
        "VITRINE_URL_PORTS": f"[{shop_port}]",
        "VITRINE_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
    running = Production(folder, settings)
    try:
        running.start_api()
        yield running
    finally:
        running.close()


@pytest.fixture(scope="module")
def shop_url() -> Iterator[str]:
    """A web server with a picture for every number."""

    class Pictures(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = picture(int(Path(self.path).stem))
            self.send_response(200)
            self.send_header("Content-Type", "image/jpeg")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Keep the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Pictures)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def picture(number: int) -> bytes:
    return small_models.photo(60, 80, seed=number)


def ingest(production: Production, catalog: str, numbers: range, *, shop_url: str | None = None) -> None:
    declared = production.api.put(f"/v1/catalogs/{catalog}", json={"attributes": {"number": "number"}})
    assert declared.status_code == 200, declared.text
    for number in numbers:
        by_url = shop_url is not None and number % 2
        image = {"url": f"{shop_url}/{number}.jpg"} if by_url else {"data": b64encode(picture(number)).decode()}
        product = {"title": f"red mug {number}", "attributes": {"number": number}, "images": [image]}
        answer = production.api.put(f"/v1/catalogs/{catalog}/products/p{number}", json=product)
        assert answer.status_code == 202, answer.text


def assert_all_found(production: Production, catalog: str, numbers: range) -> None:
    """Nothing is lost, dead or doubled, and every product is found by its own picture."""
    states = production.states(catalog)
    assert states == dict.fromkeys(states, 0) | {"indexed": len(numbers)}
    for number in numbers:
        query = {"image": {"data": b64encode(picture(number)).decode()}, "legs": {"image": 1}, "limit": 100}
        answer = production.api.post(f"/v1/catalogs/{catalog}/search", json=query)
        found = [hit["product_id"] for hit in answer.json()["hits"]]
        assert found[0] == f"p{number}"
        assert len(found) == len(set(found)) == len(numbers)


def all_ended(states: dict[str, int]) -> bool:
    return not (states["accepted"] or states["fetched"] or states["encoded"])


def test_a_catalogue_goes_in_and_is_found(production: Production, shop_url: str) -> None:
    production.start_workers()
    ingest(production, "plain", PRODUCTS, shop_url=shop_url)
    production.wait_until("plain", all_ended, seconds=TAKEN_OVER_S)
    assert_all_found(production, "plain", PRODUCTS)
    cheap = production.api.post("/v1/catalogs/plain/search", json={"text": "mug", "filter": {"number": {"lt": 5}}})
    assert {hit["product_id"] for hit in cheap.json()["hits"]} == {f"p{number}" for number in range(5)}
    ready = production.api.get("/health/ready")
    assert ready.status_code == 200, ready.text
    assert {name: production.healthy(name) for name in ("api", *WORKERS)} == dict.fromkeys(("api", *WORKERS), True)


def test_an_index_worker_killed_with_uploads_in_hand_loses_nothing(production: Production, database_url: str) -> None:
    production.start_workers()
    production.freeze("index")
    ingest(production, "killed", PRODUCTS)
    production.wait_until("killed", lambda states: states["encoded"] == len(PRODUCTS), seconds=TAKEN_OVER_S)
    engine = create_engine(database_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        in_hand = text("SELECT count(*) FROM uploads WHERE state = 'encoded' AND token IS NOT NULL")
        production.thaw("index")  # it claims all of them at once, and writing them takes it a tenth of a second
        deadline = time.monotonic() + TAKEN_OVER_S
        while not connection.execute(in_hand).scalar_one():
            assert time.monotonic() < deadline
            time.sleep(0.002)
        production.kill("index")
    engine.dispose()
    assert production.states("killed")["indexed"] < len(PRODUCTS)
    production.start_workers()
    production.wait_until("killed", all_ended, seconds=TAKEN_OVER_S)
    assert_all_found(production, "killed", PRODUCTS)


def test_workers_told_to_stop_and_a_broker_that_loses_every_message_lose_nothing(
    production: Production, redis_url: str
) -> None:
    production.start_workers()
    ingest(production, "flushed", range(20))
    assert production.stop_workers() == dict.fromkeys(WORKERS, 0)
    ingest(production, "flushed", range(20, 40))
    with redis.Redis.from_url(redis_url) as broker:
        assert broker.llen("encode")
        broker.flushall()
    production.start_workers()
    production.wait_until("flushed", all_ended, seconds=TAKEN_OVER_S)
    assert_all_found(production, "flushed", range(40))


def test_a_build_goes_on_whatever_is_killed_and_the_live_one_answers_all_the_while(production: Production) -> None:
    production.start_workers()
    ingest(production, "rebuilt", PRODUCTS)
    production.wait_until("rebuilt", all_ended, seconds=TAKEN_OVER_S)
    builds = "/v1/catalogs/rebuilt/builds"
    started = production.api.post(builds, json={"encoder": str(production.folder / "other"), "rate": 2})
    assert started.status_code == 202, started.text
    build = f"{builds}/{started.json()['id']}"
    for name in ("encode", "index", "scheduler", "api"):
        filled = far(reached(production, build, lambda told: far(told) >= 4))
        production.kill(name)
        if name == "api":
            production.start_api()
        assert_all_found(production, "rebuilt", PRODUCTS)
        production.start_workers()
        reached(production, build, lambda told, before=filled: far(told) > before)
    changed = production.api.put("/v1/catalogs/rebuilt/products/p0", json={"title": "a blue sofa"})
    assert changed.status_code == 202
    ready = reached(production, build, lambda told: told["state"] == "ready")
    production.wait_until("rebuilt", all_ended, seconds=TAKEN_OVER_S)
    assert ready["indexed"] == len(PRODUCTS)
    # Models that were never trained find nothing across kinds: one of them is as good as the other by chance alone.
    promoted = production.api.post(f"{build}:promote", json={"force": True, "reason": "untrained models"})
    assert promoted.status_code == 200, promoted.text
    assert first_of(production, "a blue sofa") == ("p0", started.json()["id"])
    back = production.api.post(f"{build}:rollback")
    assert first_of(production, "a blue sofa") == ("p0", back.json()["id"])


def test_a_machine_that_dies_with_any_step_of_a_build_in_hand_costs_a_lease(
    production: Production, database_url: str
) -> None:
    production.start_workers()
    ingest(production, "dying", PRODUCTS)
    production.wait_until("dying", all_ended, seconds=TAKEN_OVER_S)
    builds = "/v1/catalogs/dying/builds"
    with slow_to_write_down(database_url) as steps:
        started = production.api.post(builds, json={"encoder": str(production.folder / "other")})
        assert started.status_code == 202, started.text
        build = f"{builds}/{started.json()['id']}"
        for kind in ("estimate", "open", "slice", "fill", "check"):
            die_with_step_in_hand(production, steps, kind)
            assert production.api.get(build).json()["state"] == "building"
            assert_all_found(production, "dying", PRODUCTS)
            production.start_workers()
        ready = reached(production, build, lambda told: told["state"] == "ready")
        assert ready["indexed"] == len(PRODUCTS)
        assert production.api.post(f"{build}:abort").status_code == 200
        die_with_step_in_hand(production, steps, "drop")
        production.start_workers()
        told = reached(production, build, lambda told: told["events"][-1]["what"] == "dropped")
    assert [event["what"] for event in told["events"]].count("dropped") == 1
    assert_all_found(production, "dying", PRODUCTS)


@contextmanager
def slow_to_write_down(database_url: str) -> Iterator[Connection]:
    """Whoever marks a step of a build as done waits for a second before it is: the shortest can be killed in hand."""
    engine = create_engine(database_url, isolation_level="AUTOCOMMIT")
    slow = "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(1); RETURN NEW; END'"
    done = "WHEN (NEW.done_at IS NOT NULL AND OLD.done_at IS NULL) EXECUTE FUNCTION slow()"
    with engine.connect() as connection:
        connection.execute(text(slow))
        connection.execute(text(f"CREATE TRIGGER slow BEFORE UPDATE ON build_steps FOR EACH ROW {done}"))
        try:
            yield connection
        finally:
            connection.execute(text("DROP FUNCTION slow CASCADE"))
    engine.dispose()


def die_with_step_in_hand(production: Production, steps: Connection, kind: str) -> None:
    """Kill whoever holds a step of this kind as soon as it does, the scheduler and the API; the API comes back."""
    undone = "kind = :kind AND done_at IS NULL"
    in_hand = text(f"SELECT stage FROM build_steps WHERE {undone} AND token IS NOT NULL")
    all_steps = text("SELECT build_id, kind, stage, attempts, token, error_code, done_at FROM build_steps")
    hurry = text(f"UPDATE build_steps SET due_at = now() WHERE {undone} AND token IS NULL")
    deadline = time.monotonic() + START_S + TAKEN_OVER_S  # the workers start, and do the step before once more
    while not (stages := steps.execute(in_hand, {"kind": kind}).scalars().all()):
        assert time.monotonic() < deadline, list(steps.execute(all_steps))
        steps.execute(hurry, {"kind": kind})
        time.sleep(0.002)
    for name in (*set(stages), "scheduler", "api"):
        production.kill(name)
    assert steps.execute(in_hand, {"kind": kind}).scalars().all(), "it was done before it was killed"
    production.start_api()


def far(told: dict[str, Any]) -> int:
    """How many products a build is filled with."""
    return int(told.get("progress", {}).get("filled", len(PRODUCTS)))


def reached(production: Production, build: str, there: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """What is told of a build, once it is there."""
    deadline = time.monotonic() + TAKEN_OVER_S
    while not there(told := production.api.get(build).json()):
        assert time.monotonic() < deadline, str(told)
        time.sleep(0.1)
    return dict(told)


def first_of(production: Production, words: str) -> tuple[str, str]:
    """The first product of a search, and the build that answered."""
    query = {"text": words, "legs": {"text": 1}, "limit": 1}
    answer = production.api.post("/v1/catalogs/rebuilt/search", json=query).json()
    return answer["hits"][0]["product_id"], answer["build"]["id"]
