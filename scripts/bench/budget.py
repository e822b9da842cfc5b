"""The CPU budget: what a product costs beside decoding, preprocessing and encoding, with the time of each stage.

The encoder is replaced by one that answers at once, so that what is left is the pipeline: accepting, claims, state
changes, storing, upserts, the broker. The check of a picture, which decodes it, is measured by itself and taken off.
The CPU of this process counts, which holds the API and every worker, and embedded that of milvus-lite's.
"""

import argparse
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import numpy as np

from app.domain.embeddings import EncoderSpec, Pixels, Preprocessing, Vectors
from app.domain.uploads import Claim, Stage
from app.services.run_stage import Begin, Outcome
from scripts.bench.products import read_products, report
from scripts.bench.services import accept_all, finished, service

T = TypeVar("T")

DIMENSION = 512


class InstantEncoder:
    """An encoder that costs nothing: vectors from a table, in turn."""

    def __init__(self) -> None:
        preprocessing = Preprocessing(1, 1, "stretch", "bilinear", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
        self.spec = EncoderSpec("instant", "none", DIMENSION, preprocessing, 77, "fp32", "0" * 64, "0" * 64)
        rows = np.random.default_rng(0).standard_normal((8192, DIMENSION)).astype(np.float32)
        self._rows: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        self._pixels: Pixels = np.zeros((1, 1, 3), dtype=np.uint8)
        self._next = 0

    def prepare(self, content: bytes) -> Pixels:
        """Nothing."""
        return self._pixels

    def encode_images(self, pictures: Sequence[Pixels]) -> Vectors:
        """The next rows of the table."""
        return self._take(len(pictures))

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """The next rows of the table."""
        return self._take(len(texts))

    def _take(self, count: int) -> Vectors:
        self._next += count
        return self._rows[(np.arange(self._next - count, self._next)) % len(self._rows)]


class InstantLoader:
    """Opens the one encoder."""

    def load(self, name: str) -> InstantEncoder:
        """The encoder."""
        return InstantEncoder()

    def look(self, name: str) -> EncoderSpec:
        """Its description."""
        return InstantEncoder().spec


class StageTimes:
    """Wall seconds inside each stage, summed over its batches; stages run side by side."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys([*(stage.value for stage in Stage)], 0.0)

    def timed(self, stage: Stage, begin: Begin) -> Begin:
        """The stage's work, timed."""

        def timed(claims: Sequence[Claim]) -> Callable[[], Outcome]:
            finish = self._time(stage, lambda: begin(claims))
            return lambda: self._time(stage, finish)

        return timed

    def _time(self, stage: Stage, work: Callable[[], T]) -> T:
        started = time.perf_counter()
        try:
            return work()
        finally:
            self.seconds[stage.value] += time.perf_counter() - started


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--backend", choices=["embedded", "production"], default="embedded")
    parser.add_argument("--products", type=int, default=None, help="take only the first N")
    asked = parser.parse_args()
    products = read_products(asked.manifest, asked.products)
    count = len(products.submissions)
    with service(asked.backend, encoder="instant", loader=InstantLoader()) as application:
        times = StageTimes()
        for stage, (batching, begin) in application.stages.items():
            application.stages[stage] = (batching, times.timed(stage, begin))
        checking = _cpu(lambda: [application.reception.checker.check(content) for content in products.pictures])
        application.open_catalog(products.catalog)  # which starts milvus-lite
        started, cpu = time.perf_counter(), _seconds()
        accept_all(application, products)
        accepted = time.perf_counter() - started
        while finished(application) < count:
            time.sleep(0.25)
        wall, cpu = time.perf_counter() - started, _seconds() - cpu
    report(
        "budget",
        {
            "backend": asked.backend,
            "products": count,
            "cpu_ms_a_product": round((cpu - checking) / count * 1e3, 2),
            "decoding_to_check_ms": round(checking / count * 1e3, 2),
            "wall_ms_a_product": round(wall / count * 1e3, 2),
            "stages_wall_ms_a_product": {
                name: round(seconds / count * 1e3, 2)
                for name, seconds in {"accept": accepted, **times.seconds}.items()
            },
        },
    )


def _cpu(work: Callable[[], object]) -> float:
    """CPU seconds that something takes."""
    before = _seconds()
    work()
    return _seconds() - before


def _seconds() -> float:
    """CPU seconds of this process and of milvus-lite's, where it has one."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):  # processes come and go
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[1]) == os.getpid() and b"lite_server" in (stat.parent / "cmdline").read_bytes():
                ticks += int(fields[11]) + int(fields[12])
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
