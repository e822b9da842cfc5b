"""Pipeline efficiency: the whole embedded pipeline against a bare loop that only decodes, preprocesses and encodes.

Both take the same pictures and captions through the same encoder in batches of the same size, in one run, in turn,
several times; the ratio is that of the medians. The bare loop decodes one batch after the other, then encodes it;
`overlapped` decodes the next batch in threads meanwhile, as the pipeline does: a stricter yardstick, printed beside.
"""

import argparse
import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from app.adapters.encoders.loader import HuggingFaceLoader
from app.domain.embeddings import Pixels
from app.ports.encoders import Encoder
from scripts.bench.products import Products, read_products, report
from scripts.bench.services import accept_all, counts, finished, service

T = TypeVar("T")

BATCH = 32  # the model's batch, in the loops as in the pipeline
DECODE_THREADS = 2


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--encoder", required=True, help="a model directory")
    parser.add_argument("--products", type=int, default=None, help="take only the first N")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    products = read_products(asked.manifest, asked.products)
    encoder = HuggingFaceLoader().load(asked.encoder)
    encoder.encode_images([encoder.prepare(products.pictures[0])])
    encoder.encode_texts(products.captions[:1])
    rates: dict[str, list[float]] = {"bare": [], "overlapped": [], "pipeline": []}
    for _ in range(asked.rounds):
        rates["bare"].append(_rate(products, _bare(products, encoder)))
        rates["overlapped"].append(_rate(products, _overlapped(products, encoder)))
        rates["pipeline"].append(_rate(products, _pipeline(products, asked.encoder)))
    median = {name: statistics.median(some) for name, some in rates.items()}
    report(
        "pipeline",
        {
            "products": len(products.submissions),
            "encoder": Path(asked.encoder).name,
            "products_per_second": {name: round(rate, 1) for name, rate in median.items()},
            "ratio_to_bare": round(median["pipeline"] / median["bare"], 3),
            "ratio_to_overlapped": round(median["pipeline"] / median["overlapped"], 3),
        },
    )


def _rate(products: Products, seconds: float) -> float:
    return len(products.submissions) / seconds


def _bare(products: Products, encoder: Encoder) -> float:
    started = time.perf_counter()
    for some in _batches(products.pictures):
        encoder.encode_images([encoder.prepare(content) for content in some])
    for texts in _batches(products.captions):
        encoder.encode_texts(texts)
    return time.perf_counter() - started


def _overlapped(products: Products, encoder: Encoder) -> float:
    started = time.perf_counter()
    with ThreadPoolExecutor(DECODE_THREADS) as pool:
        ahead: list[Future[Pixels]] | None = None
        for some in _batches(products.pictures):
            current, ahead = ahead, [pool.submit(encoder.prepare, content) for content in some]
            if current is not None:
                encoder.encode_images([one.result() for one in current])
        encoder.encode_images([one.result() for one in ahead or ()])
    for texts in _batches(products.captions):
        encoder.encode_texts(texts)
    return time.perf_counter() - started


def _pipeline(products: Products, name: str) -> float:
    with service("embedded", encoder=name) as application:
        opened = application.encoder  # its towers are loaded before the clock starts, as the loops' were
        opened.encode_images([opened.prepare(products.pictures[0])])
        opened.encode_texts(["warm"])
        started = time.perf_counter()
        accept_all(application, products)
        while finished(application) < len(products.submissions):
            time.sleep(0.25)  # to ask takes milliseconds
        seconds = time.perf_counter() - started
        print({state.value: count for state, count in counts(application).items() if count})
    return seconds


def _batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]


if __name__ == "__main__":
    main()
