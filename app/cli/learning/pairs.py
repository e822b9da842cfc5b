"""The pictures of examples as arrays, decoded side by side."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import numpy as np

from app.cli.learning.examples import Example, Examples
from app.domain.embeddings import Pixels
from app.domain.errors import Invalid, VitrineError
from app.domain.training import TrainingPairs

_FEWEST = 2  # rows: one picture alone is held against nothing
_CHUNK = 512  # pictures decoded before the bar moves; a few megabytes of them


def prepare_pairs(
    examples: Examples, prepare: Callable[[bytes], Pixels], *, size: int, on_progress: Callable[[int], None]
) -> TrainingPairs:
    """Decode the picture of every example. Those that cannot be read are listed in `examples.errors` and left out.

    `prepare` makes pixels of shape (size, size, 3) from a picture's bytes. Raises `Invalid` where the rule for
    held-out rows leaves none to learn from or none to measure on.
    """
    pictures = np.empty((len(examples.found), size, size, 3), dtype=np.uint8)  # filled in place: never two copies
    kept: list[Example] = []

    def read(example: Example) -> Pixels | VitrineError:
        try:
            return prepare(example.picture.read())
        except VitrineError as error:
            return error

    remaining = iter(examples.found)
    done = 0
    with ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="vitrine-decode") as pool:
        while some := list(islice(remaining, _CHUNK)):
            for example, pixels in zip(some, pool.map(read, some), strict=True):
                if isinstance(pixels, VitrineError):
                    examples.refuse(example.product_id, pixels.code, pixels.detail)
                    continue
                pictures[len(kept)] = pixels
                kept.append(example)
            done += len(some)
            on_progress(done)
    check_sides(kept)
    held_out = np.array([example.held_out for example in kept], dtype=np.bool_)
    return TrainingPairs(pictures[: len(kept)], [example.captions for example in kept], held_out)


def check_sides(examples: Sequence[Example]) -> None:
    """Raise `Invalid` (`bad_held_out`) where there are too few rows to learn from, or none to measure on."""
    held_out = sum(example.held_out for example in examples)
    if not held_out or len(examples) - held_out < _FEWEST:
        raise Invalid(
            f"{held_out} of {len(examples)} rows with a picture are held out: a training needs one at least, and "
            f"{_FEWEST} to learn from; give another rule with --held-out, or a manifest with more rows",
            code="bad_held_out",
        )
