"""An encoder of 512 dimensions that knows no picture: for benchmarks whose embeddings are all there."""

from collections.abc import Sequence

import numpy as np

from app.domain.embeddings import EncoderSpec, Pixels, Preprocessing, Vectors

DIMENSION = 512


class DrawnEncoder:
    """`Encoder` of the port. Counts how often it was asked."""

    def __init__(self) -> None:
        preprocessing = Preprocessing(224, 224, "stretch", "bilinear", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
        self.spec = EncoderSpec("drawn", "drawn", DIMENSION, preprocessing, 77, "float32", "0" * 64, "0" * 64)
        self.asked = 0
        self.known: Vectors = np.empty((0, DIMENSION), dtype=np.float32)
        """A text that is a number is asked for by the row of that number."""

    def prepare(self, content: bytes) -> Pixels:
        """Refuse."""
        self.asked += 1
        raise NotImplementedError

    def encode_images(self, pictures: Sequence[Pixels]) -> Vectors:
        """Refuse."""
        self.asked += 1
        raise NotImplementedError

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """The same vector for all that are not `known`: a promotion asks whether anything is encoded at all."""
        self.asked += 1
        same = np.full(DIMENSION, DIMENSION**-0.5, dtype=np.float32)
        return np.stack([self.known[int(one)] if one.isdigit() and len(self.known) else same for one in texts])


class DrawnLoader:
    """`EncoderLoader` of the port: has this one encoder."""

    def __init__(self) -> None:
        self.encoder = DrawnEncoder()

    def load(self, name: str) -> DrawnEncoder:
        """The encoder."""
        return self.encoder

    def look(self, name: str) -> EncoderSpec:
        """Its description."""
        return self.encoder.spec
