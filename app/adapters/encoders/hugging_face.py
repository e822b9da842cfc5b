"""Dual encoders in the directory layout of Hugging Face."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import PreTrainedConfig

from app.adapters.encoders.lanes import Lanes
from app.adapters.encoders.preprocessing import prepare
from app.adapters.encoders.towers import load_tower
from app.domain.embeddings import EncoderSpec, Pixels, Vectors
from app.domain.errors import EncoderOutOfMemory

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
"""What the towers compute in, by `EncoderSpec.precision`."""


class HuggingFaceEncoder:
    """One dual encoder (the `Encoder` port). A tower is loaded when it first encodes something.

    `lanes` take the parts of a batch.
    """

    def __init__(
        self,
        spec: EncoderSpec,
        directory: Path,
        config: PreTrainedConfig,
        tokenizer: Tokenizer,
        device: str,
        lanes: Lanes,
    ) -> None:
        self._spec = spec
        self._tokenizer = tokenizer
        self._device = device
        self._lanes = lanes
        load = partial(load_tower, directory, config, device=device, dtype=DTYPES[spec.precision])
        self._picture_tower = _Once(partial(load, "picture"))
        self._text_tower = _Once(partial(load, "text"))
        # One multiply-add a pixel does what dividing by 255, taking the mean away and dividing by std would do.
        mean, std = torch.tensor(spec.preprocessing.mean), torch.tensor(spec.preprocessing.std)
        self._scale = (1 / (255 * std))[:, None, None].to(device)
        self._offset = (-mean / std)[:, None, None].to(device)

    @property
    def spec(self) -> EncoderSpec:
        """The frozen description; known without loading a tower."""
        return self._spec

    def prepare(self, content: bytes) -> Pixels:
        """Decode one stored picture and resize it: shape (size, size, 3), uint8. Raises `ImageCorrupt`."""
        return prepare(content, self._spec.preprocessing)

    def encode_images(self, pictures: Sequence[Pixels]) -> Vectors:
        """Encode prepared pictures: shape (len(pictures), dimension). Raises `EncoderOutOfMemory`."""
        return self._lanes.run(self._encode_pictures, pictures) if pictures else self._nothing()

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Encode texts, cut at `spec.max_tokens`: shape (len(texts), dimension). Raises `EncoderOutOfMemory`."""
        return self._lanes.run(self._encode_captions, texts) if texts else self._nothing()

    def _encode_pictures(self, pictures: Sequence[Pixels]) -> Vectors:
        tower = self._picture_tower()
        with computing(len(pictures)):
            # Bytes cross to the device, a quarter of what floats would be.
            bytes_ = torch.from_numpy(np.stack(pictures)).to(self._device).permute(0, 3, 1, 2)
            pixels = torch.addcmul(self._offset, bytes_, self._scale).to(DTYPES[self._spec.precision])
            return _vectors(tower(pixel_values=pixels))

    def _encode_captions(self, texts: Sequence[str]) -> Vectors:
        tower = self._text_tower()
        encoded = self._tokenizer.encode_batch_fast(list(texts))
        with computing(len(texts)):
            tokens = torch.tensor([one.ids for one in encoded], device=self._device)
            mask = torch.tensor([one.attention_mask for one in encoded], device=self._device)
            return _vectors(tower(input_ids=tokens, attention_mask=mask))

    def _nothing(self) -> Vectors:
        return np.empty((0, self._spec.dimension), dtype=np.float32)


class _Once:
    """A tower that is loaded by the first thread to ask, while the others wait."""

    def __init__(self, load: Callable[[], nn.Module]) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._tower: nn.Module | None = None

    def __call__(self) -> nn.Module:
        with self._lock:
            if self._tower is None:
                self._tower = self._load()
            return self._tower


@contextmanager
def computing(count: int) -> Iterator[None]:
    """Run without gradients, and name a lack of memory as such."""
    try:
        with torch.inference_mode():
            yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise _out_of_memory(count) from error
    except RuntimeError as error:
        # The CPU's allocator has no error class of its own.
        if "can't allocate memory" not in str(error):
            raise
        raise _out_of_memory(count) from error


def _out_of_memory(count: int) -> EncoderOutOfMemory:
    return EncoderOutOfMemory(f"the device has no memory for a batch of {count}: encode fewer at a time")


def _vectors(encoded: Tensor) -> Vectors:
    found: Vectors = encoded.cpu().numpy()
    return found
