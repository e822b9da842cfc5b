"""Opening an encoder by name: everything is read and checked but the weights of its towers."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import torch
from tokenizers import Tokenizer
from transformers import PreTrainedConfig

from app.adapters.encoders.description import (
    ARCHITECTURES,
    UNREADABLE,
    read_config,
    read_preprocessing,
    read_tokenizer,
)
from app.adapters.encoders.hugging_face import HuggingFaceEncoder
from app.adapters.encoders.lanes import Lanes
from app.adapters.encoders.model_files import find_here, find_model, hash_files, tokenizer_files, weight_files
from app.domain.embeddings import EncoderSpec
from app.domain.errors import EncoderRefused, Misconfigured


class HuggingFaceLoader:
    """Opens local model directories and hub models (the `EncoderLoader` port).

    `device` "auto" is the first GPU where there is one. `threads` are those of the model on a CPU, for the whole
    process; 0 is one a core. `precision` is that of the arithmetic, whatever the weights are stored in; a CPU
    computes in fp32 alone.
    """

    def __init__(
        self,
        *,
        device: Literal["auto", "cpu", "cuda"] = "auto",
        threads: int = 0,
        precision: Literal["fp32", "fp16", "bf16"] = "fp32",
    ) -> None:
        has_gpu = torch.cuda.is_available()
        if device == "cuda" and not has_gpu:
            raise Misconfigured("device is cuda, but torch sees no GPU: install torch's CUDA build, or say cpu")
        self._device = ("cuda" if has_gpu else "cpu") if device == "auto" else device
        if self._device == "cpu" and precision != "fp32":
            raise Misconfigured(f"precision {precision} needs a GPU: say fp32")
        self._precision = precision
        self._lanes = Lanes(threads or os.cpu_count() or 1, alone=self._device != "cpu")

    def load(self, name: str) -> HuggingFaceEncoder:
        """Read the description of an encoder and hash its files. Raises `EncoderNotFound` and `EncoderRefused`."""
        with _refused_unreadable(name):
            directory = find_model(name)
            spec, config, tokenizer = self._described(name, directory)
        return HuggingFaceEncoder(spec, directory, config, tokenizer, self._device, self._lanes)

    def look(self, name: str) -> EncoderSpec:
        """The same of what lies on this machine: nothing is fetched. Raises `EncoderNotCached` too."""
        with _refused_unreadable(name):
            spec, _, _ = self._described(name, find_here(name))
        return spec

    def _described(self, name: str, directory: Path) -> tuple[EncoderSpec, PreTrainedConfig, Tokenizer]:
        config = read_config(directory)
        tokenizer, max_tokens = read_tokenizer(directory, config)
        spec = EncoderSpec(
            name=name,
            architecture=ARCHITECTURES[config.model_type],
            dimension=config.projection_dim,
            preprocessing=read_preprocessing(directory),
            max_tokens=max_tokens,
            precision=self._precision,
            weights_sha256=hash_files([directory / "config.json", *weight_files(directory)]),
            tokenizer_sha256=hash_files(tokenizer_files(directory)),
        )
        return spec, config, tokenizer


@contextmanager
def _refused_unreadable(name: str) -> Iterator[None]:
    """Refuse a model whose files are torn, or go while they are read: it is told of, and fails nothing else."""
    try:
        yield
    except (*UNREADABLE, RuntimeError) as error:  # the last where nobody has the home that a name begins with
        raise EncoderRefused(f"the model {name} cannot be read ({type(error).__name__}): {error}") from error
