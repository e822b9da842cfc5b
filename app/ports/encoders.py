"""The encoder port: pictures and texts into one space."""

from collections.abc import Sequence
from typing import Protocol

from app.domain.embeddings import EncoderSpec, Pixels, Vectors


class Encoder(Protocol):
    """A dual encoder. Batch first: a list in, an array out, same order. Safe to call from several threads.

    Preparing (CPU, one picture) and encoding (the model, a batch) are apart, so that they overlap.
    A tower is loaded when it is first needed: a process that only encodes texts never holds the picture tower.
    """

    @property
    def spec(self) -> EncoderSpec:
        """The frozen description; known without loading a tower."""
        ...

    def prepare(self, content: bytes) -> Pixels:
        """Decode one stored picture (JPEG, PNG or WebP) and resize it for the picture tower.

        Returns shape (size, size, 3), uint8. Raises `ImageCorrupt` where the content cannot be decoded.
        """
        ...

    def encode_images(self, pictures: Sequence[Pixels]) -> Vectors:
        """Encode prepared pictures: shape (len(pictures), dimension), rows of norm 1; (0, dimension) for none."""
        ...

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Encode texts: shape (len(texts), dimension), rows of norm 1.

        A text longer than `spec.max_tokens` tokens is cut there, the end-of-text token kept.
        """
        ...


class EncoderLoader(Protocol):
    """Opens encoders by the name of a local directory or of a model on the hub."""

    def load(self, name: str) -> Encoder:
        """Read the description of an encoder, without its towers.

        Raises `EncoderNotFound` (no such directory, or the hub cannot be reached: the message says what to do) and
        `EncoderRefused` (not a dual encoder, weights that are not safetensors, remote code, files that are torn).
        """
        ...

    def look(self, name: str) -> EncoderSpec:
        """The description of an encoder as it lies on this machine now: nothing is fetched, opened or kept.

        Raises what `load` does, and `EncoderNotCached` for a model of the hub that would have to be fetched first.
        """
        ...
