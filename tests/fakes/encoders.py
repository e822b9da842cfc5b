"""An encoder without a model: words and colours become directions, so that like finds like."""

import hashlib
import re
import threading
from collections.abc import Sequence
from io import BytesIO

import numpy as np
from PIL import Image

from app.domain.embeddings import EncoderSpec, Pixels, Preprocessing, Vectors, is_hub_name
from app.domain.errors import EncoderNotCached, EncoderNotFound, ImageCorrupt
from app.ports.encoders import Encoder

SIZE = 8
DIMENSION = 64
COLOURS = {"red": (200, 30, 30), "green": (30, 160, 60), "blue": (40, 60, 200), "yellow": (230, 210, 40)}


def spec(name: str = "fake", *, weights: str = "0") -> EncoderSpec:
    """The description of a fake; `weights` tells two fakes apart."""
    preprocessing = Preprocessing(SIZE, SIZE, "stretch", "bilinear", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    return EncoderSpec(name, "fake", DIMENSION, preprocessing, 77, "float32", weights * 64, "0" * 64)


class FakeEncoder:
    """`Encoder` of the port: texts are bags of words, pictures the words of the colours they hold."""

    def __init__(self, name: str = "fake", *, weights: str = "0") -> None:
        self.spec = spec(name, weights=weights)
        self.encoded_images = 0
        self.encoded_texts = 0
        self._lock = threading.Lock()

    def prepare(self, content: bytes) -> Pixels:
        try:
            with Image.open(BytesIO(content)) as picture:
                return np.asarray(picture.convert("RGB").resize((SIZE, SIZE)))
        except OSError as error:
            raise ImageCorrupt(str(error)) from error

    def encode_images(self, pictures: Sequence[Pixels]) -> Vectors:
        with self._lock:
            self.encoded_images += len(pictures)
        return _stacked([_colour_words(picture) for picture in pictures])

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        with self._lock:
            self.encoded_texts += len(texts)
        return _stacked([dict.fromkeys(re.findall(r"\w+", text.lower()), 1.0) for text in texts])


class FakeLoader:
    """`EncoderLoader` of the port: knows the encoders it was given."""

    def __init__(self, *encoders: FakeEncoder) -> None:
        self._encoders = {encoder.spec.name: encoder for encoder in encoders}

    def know(self, encoder: FakeEncoder) -> None:
        self._encoders[encoder.spec.name] = encoder

    def forget(self, encoder: FakeEncoder) -> None:
        del self._encoders[encoder.spec.name]

    def load(self, name: str) -> Encoder:
        if name not in self._encoders:
            raise EncoderNotFound(f"there is no model {name}")
        return self._encoders[name]

    def look(self, name: str) -> EncoderSpec:
        if name in self._encoders:
            return self._encoders[name].spec
        raise (EncoderNotCached if is_hub_name(name) else EncoderNotFound)(f"there is no model {name} here")


def _colour_words(pixels: Pixels) -> dict[str, float]:
    flat = pixels.reshape(-1, 3).astype(np.float64)
    near = {
        name: float(np.exp(-np.linalg.norm(flat - colour, axis=1) / 40).mean()) for name, colour in COLOURS.items()
    }
    return {"picture": 0.05, **near}


def _stacked(bags: Sequence[dict[str, float]]) -> Vectors:
    rows = np.array([_direction(bag) for bag in bags], dtype=np.float32).reshape(-1, DIMENSION)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def _direction(bag: dict[str, float]) -> np.ndarray:
    total = np.full(DIMENSION, 1e-3)
    for word, weight in bag.items():
        seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "little")
        total += weight * np.random.default_rng(seed).standard_normal(DIMENSION)
    return total
