"""Changing the parameters of an index, beside a bare pymilvus load of the same vectors into the same server.

Both end when every row is acknowledged, and again when the server searches all of them by their index.
"""

import argparse
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

from pymilvus import MilvusClient

from app.adapters.milvus.schema import collection_schema, index_params
from app.adapters.milvus.store import MilvusStore
from app.bootstrap import Application
from app.domain.builds import Build, BuildState, IndexSpec
from app.services.steer_build import abort
from scripts.bench.drawn_encoder import DIMENSION, DrawnLoader
from scripts.bench.large_catalog import CATALOG, all_vectors, open_large
from scripts.bench.products import report
from scripts.bench.services import service

INDEX = IndexSpec.of("HNSW", {"M": 12})
BATCH = 1_000  # rows of a call, as pymilvus's own examples have it


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vectors", type=int, default=100_000, help="two a product: a caption and a picture")
    parser.add_argument("--rounds", type=int, default=1)
    asked = parser.parse_args()
    loader = DrawnLoader()
    with service("production", encoder="drawn", loader=loader) as application:
        open_large(application, asked.vectors // 2)
        rounds = []
        for _ in range(asked.rounds):
            with ProcessPoolExecutor(1, get_context("spawn")) as other:
                bare = other.submit(_bare, application.settings.milvus_uri, asked.vectors).result()
            rounds.append({"bare": bare, "build": _build(application, asked.vectors)})
    ratios = {
        what: [round(one["build"][what] / one["bare"][what], 3) for one in rounds]
        for what in ("acknowledged_per_s", "indexed_per_s")
    }
    figures = {"vectors": asked.vectors, "ratios": ratios, "rounds": rounds, "encoder_asked": loader.encoder.asked}
    report("parameters", figures)


def _bare(uri: str, count: int) -> dict[str, float]:
    """The shortest program that loads vectors with their ids and attributes into two collections."""
    client = MilvusClient(uri)
    vectors = all_vectors(count // 2, DIMENSION)
    names = [f"bare_{part}_{time.time_ns()}" for part in ("texts", "images")]
    for name in names:
        client.create_collection(name, schema=collection_schema(DIMENSION, dynamic=False))
        client.create_index(name, index_params(INDEX))
        client.load_collection(name)
    started = time.perf_counter()
    for name, part in zip(names, (vectors[::2], vectors[1::2]), strict=True):
        for start in range(0, len(part), BATCH):
            rows = [
                {
                    "id": f"p{number}",
                    "product_id": f"p{number}",
                    "version": 1,
                    "digest": 1,
                    "attributes": {"colour": "red", "price": 9.0},
                    "vector": vector.tolist(),
                }
                for number, vector in enumerate(part[start : start + BATCH], start)
            ]
            client.insert(name, rows)
    acknowledged = time.perf_counter() - started
    for name in names:
        client.flush(name)
    store = MilvusStore(uri)
    while any(store.unindexed(name) or store.unserved(name) for name in names):
        time.sleep(0.5)
    indexed = time.perf_counter() - started
    for name in names:
        client.drop_collection(name)
    return {"acknowledged_per_s": count / acknowledged, "indexed_per_s": count / indexed}


def _build(application: Application, count: int) -> dict[str, Any]:
    build = application.start_build(CATALOG.name, encoder=None, index=INDEX.type, params={"M": 12}, rate=None)
    while (now := _state(application, build)).state is BuildState.BUILDING:
        time.sleep(0.2)
    with application.database.reading() as transaction:
        at = {event.what: event.at for event in transaction.builds.events(build.id)}
    abort(application.database, CATALOG.name, build.id)  # for the next round
    return {
        "state": now.state.value,
        "acknowledged_per_s": count / (at["filled"] - at["opened"]).total_seconds(),
        "indexed_per_s": count / (at["indexed"] - at["opened"]).total_seconds(),
    }


def _state(application: Application, build: Build) -> Build:
    with application.database.reading() as transaction:
        found = transaction.builds.get(build.id)
    return found or build


if __name__ == "__main__":
    main()
