"""Reconciling a large catalog: time and memory of a clean run, and of one that finds and repairs what was injected.

A process of its own reconciles, so that its memory is its own.
"""

import argparse
import json
import random
import subprocess
import sys
from typing import Any

import numpy as np

from app.bootstrap import Application
from app.domain.builds import Build
from app.domain.drift import Drift
from app.ports.vectors import Stamp, VectorRow
from scripts.bench.drawn_encoder import DrawnLoader
from scripts.bench.large_catalog import CATALOG, fill_live, open_large
from scripts.bench.products import report
from scripts.bench.reconcile_once import reconciled
from scripts.bench.services import service

EACH = 100  # rows of each kind of drift


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=100_000)
    parser.add_argument("--backend", choices=["embedded", "production"], default="production")
    asked = parser.parse_args()
    with service(asked.backend, encoder="drawn", loader=DrawnLoader()) as application:
        build = open_large(application, asked.products)
        fill_live(application, build)
        if asked.backend == "embedded":
            runs = [_here(application), _injected(application, build), _here(application)]
        else:
            runs = [_alone(application), _injected(application, build), _alone(application), _alone(application)]
    clean, injected, repairing, *again = runs
    figures = {"products": asked.products, "backend": asked.backend, "clean": clean, "injected": injected}
    report("reconcile", {**figures, "repairing": repairing, "again": again})


def _here(application: Application) -> dict[str, Any]:
    return reconciled(application, CATALOG.name)


def _alone(application: Application) -> dict[str, Any]:
    command = [sys.executable, "-m", "scripts.bench.reconcile_once", CATALOG.name]
    settings = application.settings.model_dump_json()
    ran = subprocess.run(command, input=settings, capture_output=True, text=True, check=True)
    return dict(json.loads(ran.stdout))


def _injected(application: Application, build: Build) -> dict[str, int]:
    """Let rows of both collections drift in every way; how many by kind."""
    store, drawn = application.store, random.Random(0)
    for collection in (build.texts, build.images):
        stamps = store.stamps_between(collection, "", "p0005000")
        chosen = drawn.sample(sorted(stamps), 3 * EACH // 2)
        missing, stale, wrong = (chosen[part::3] for part in range(3))
        noise = np.random.default_rng(0).standard_normal((EACH // 2, build.encoder.dimension)).astype(np.float32)
        vectors = noise / np.linalg.norm(noise, axis=1, keepdims=True)

        def row(row_id: str, place: int, stamp: Stamp, vectors: Any = vectors) -> VectorRow:
            return VectorRow(row_id, row_id.partition("#")[0], stamp, vectors[place], {})

        store.delete(collection, missing)
        rows = [row(one, place, stamps[one]._replace(version=0)) for place, one in enumerate(stale)]
        rows += [row(one, place, stamps[one]) for place, one in enumerate(wrong)]
        rows += [row(f"nobody{place}", place, Stamp(1, 0)) for place in range(EACH // 2)]
        store.upsert(collection, rows)
        store.settle(collection)
    return dict.fromkeys([kind.value for kind in Drift], EACH)


if __name__ == "__main__":
    main()
