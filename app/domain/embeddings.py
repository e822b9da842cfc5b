"""Encoders and embeddings: what a vector is, which encoder made it, and whether it may be stored."""

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import PurePath
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
"""Shape (n, dimension), float32, every row of L2 norm 1."""

Pixels = NDArray[np.uint8]
"""Shape (size, size, 3), uint8 RGB: one picture as the encoder's picture tower takes it, before normalisation."""

_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(@[\w./-]+)?")

NORM_TOLERANCE = 1e-3
"""How far from 1 a norm may be: float32 rounding over a few thousand dimensions stays far below it."""


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How a picture becomes what a picture tower takes: size × size pixels, each (value / 255 − mean) / std.

    `fit` says what happens to a picture that is not square. "crop" scales its short side to `resize` pixels and
    keeps the centre; "stretch" scales both sides to `size`, so that nothing of it is lost (`resize` is then `size`).
    """

    size: int
    resize: int
    fit: Literal["crop", "stretch"]
    resample: Literal["bicubic", "bilinear", "lanczos"]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class EncoderSpec:
    """The frozen description of an encoder; two encoders with one fingerprint give the same vectors.

    `name` is the local directory or hub name it was loaded from. It is not part of the fingerprint: a model
    directory that is moved keeps its embeddings.
    """

    name: str
    architecture: str
    dimension: int
    preprocessing: Preprocessing
    max_tokens: int
    precision: str
    weights_sha256: str
    tokenizer_sha256: str

    @property
    def shown_name(self) -> str:
        """The name for strangers; see `shown_name`."""
        return shown_name(self.name)

    @property
    def fingerprint(self) -> str:
        """32 hex digits over everything that changes a vector: weights, tokenizer, preprocessing, precision."""
        return _fingerprint(self)


@lru_cache(maxsize=64)  # every query asks for it, and there are as many as builds
def _fingerprint(spec: EncoderSpec) -> str:
    described = asdict(spec)
    del described["name"]
    canonical = json.dumps(described, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]


def is_hub_name(name: str) -> bool:
    """Whether a model on the hub may be named so: `owner/model`, or `owner/model@revision`."""
    return _HUB_NAME.fullmatch(name) is not None


def shown_name(name: str) -> str:
    """An encoder's name for strangers: one of the hub as it is, of a directory only its own and not where it lies."""
    return name if is_hub_name(name) else PurePath(name).name or name


def unit_rows(vectors: Vectors) -> Vectors:
    """The same directions, shape (n, dimension), brought to norm 1; nothing but zeros stays what it is."""
    unit: Vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return unit


def flawed_rows(vectors: Vectors) -> NDArray[np.bool_]:
    """Which rows must not be stored, shape (n,): not finite, or a norm that is not 1."""
    norms = np.linalg.norm(vectors, axis=1)
    # A norm that is not a number is not near 1 either: the comparison is written so that NaN fails it.
    flawed: NDArray[np.bool_] = ~(np.abs(norms - 1.0) <= NORM_TOLERANCE)
    return flawed


def text_hash(caption: str) -> str:
    """The content hash under which the embedding of a text is stored: 64 hex digits."""
    return hashlib.sha256(b"text\0" + caption.encode()).hexdigest()


def picture_hash(content: bytes) -> str:
    """The content hash of a stored picture, which is also its name among the blobs: 64 hex digits."""
    return hashlib.sha256(content).hexdigest()
