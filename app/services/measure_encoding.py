"""Measuring how long an encoder takes, on some of the contents that have to be encoded anyway."""

import time
from collections import deque
from collections.abc import Callable, Sequence

import numpy as np

from app.domain.build_steps import Step
from app.domain.estimates import Counted
from app.services.content_encoder import Begun
from app.services.encode_batches import at_once, encode_in_batches
from app.services.encode_contents import Missing
from app.services.encode_page import PageEncoder

ENOUGH_S = 3.0
"""What is measured for so long is told to within a few percent on a machine that has nothing else to do."""


def measure_encoding(
    encoder: PageEncoder, step: Step, sample: Missing, counted: Counted, pause: Callable[[], bool]
) -> Counted | None:
    """Encode the sample as pages are, and store it; what was counted, with how long this worker takes for the rest.

    Pictures and captions are measured apart: no model takes as long for the one as for the other. `pause`, called
    between batches, says that it is enough. None where another worker has the step.
    """
    _warm_up(encoder, sample)
    batch = encoder.contents.batch
    pictures, captions = sample.pictures, list(sample.captions.items())
    of_pictures = [Missing(sample.spec, pictures[at : at + batch], {}) for at in range(0, len(pictures), batch)]
    of_captions = [Missing(sample.spec, (), dict(captions[at : at + batch])) for at in range(0, len(captions), batch)]
    seen = _timed(encoder, step, of_pictures, pause)
    read = None if seen is None else _timed(encoder, step, of_captions, pause)
    if seen is None or read is None:
        return None
    seconds = _of_rest(*seen, counted.lacking_pictures) + _of_rest(*read, counted.lacking_captions)
    return counted + Counted(sampled_pictures=seen[0], sampled_captions=read[0], encoding_ms=round(seconds * 1e3))


def _warm_up(encoder: PageEncoder, sample: Missing) -> None:
    """Load the model, and let it make itself ready: its first batch of each kind takes longer than any other."""
    contents = encoder.contents
    model = contents.encoders.of(sample.spec)
    size, dimension = sample.spec.preprocessing.size, sample.spec.dimension
    blank = np.zeros((size, size, 3), dtype=np.uint8)
    pictures = dict.fromkeys(sample.pictures[: contents.batch], blank)
    texts = dict.fromkeys(list(sample.captions)[: contents.batch], "a text")
    encode_in_batches(model.encode_images, pictures, batch=contents.batch, dimension=dimension)
    encode_in_batches(model.encode_texts, texts, batch=contents.batch, dimension=dimension)


def _timed(
    encoder: PageEncoder, step: Step, portions: Sequence[Missing], pause: Callable[[], bool]
) -> tuple[int, float] | None:
    """How many contents were encoded, and the seconds of that, without those that uploads took between batches."""
    left = deque(portions)
    ahead: Begun | None = None
    encoded, spent = 0, 0.0
    while left or ahead:
        began = time.perf_counter()
        current = ahead
        ahead = encoder.contents.begin(left.popleft()) if left else None
        if current is not None:
            if not encoder.finish(step, current, at_once):
                return None
            encoded += len(current.pictures) + len(current.captions)
        spent += time.perf_counter() - began
        if pause() or spent >= ENOUGH_S:
            left.clear()
    return encoded, spent


def _of_rest(encoded: int, seconds: float, lacking: int) -> float:
    return seconds * (lacking - encoded) / encoded if encoded else 0.0
