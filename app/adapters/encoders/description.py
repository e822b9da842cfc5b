"""What a model directory says about itself, without its weights being loaded."""

import json
from pathlib import Path
from typing import Any, Literal

from huggingface_hub.errors import StrictDataclassError
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoTokenizer, PreTrainedConfig

from app.domain.embeddings import Preprocessing
from app.domain.errors import EncoderRefused

ARCHITECTURES = {"clip": "CLIPModel", "vision-text-dual-encoder": "VisionTextDualEncoderModel"}
"""The dual encoders that are loaded, by the `model_type` of their config."""

_RESAMPLE: dict[int, Literal["lanczos", "bilinear", "bicubic"]] = {1: "lanczos", 2: "bilinear", 3: "bicubic"}
"""The filters by Pillow's numbers, as the files have them."""

UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, StrictDataclassError)
"""What is raised, by transformers too, for files that are missing, are not JSON, or say what nobody knows."""


def read_config(directory: Path) -> PreTrainedConfig:
    """The config of a dual encoder. Raises `EncoderRefused` where there is none, or it is of another kind."""
    if not (directory / "config.json").is_file():
        raise EncoderRefused(f"{directory} is not a model directory: it has no config.json")
    try:
        config: PreTrainedConfig = AutoConfig.from_pretrained(
            directory, local_files_only=True, trust_remote_code=False
        )
    except UNREADABLE as error:
        raise EncoderRefused(f"the config.json of {directory} is not one we can load: {error}") from error
    if config.model_type not in ARCHITECTURES:
        raise EncoderRefused(
            f"{directory} holds a {config.model_type!r} model; the dual encoders loaded here are "
            + " and ".join(sorted(ARCHITECTURES.values()))
        )
    return config


def read_preprocessing(directory: Path) -> Preprocessing:
    """How pictures are prepared. Raises `EncoderRefused` where it is not said, or is something else than we do."""
    stated = _stated(directory)
    try:
        size, resize, fit = _sizes(stated)
        if not stated.get("do_normalize", True) or abs(stated.get("rescale_factor", 1 / 255) * 255 - 1) > 1e-6:
            raise ValueError("the pixels are not normalised from 0–255")
        return Preprocessing(
            size=size,
            resize=resize,
            fit=fit,
            resample=_RESAMPLE[stated.get("resample", 3)],
            mean=tuple(stated["image_mean"]),
            std=tuple(stated["image_std"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise EncoderRefused(f"{directory} asks for a preprocessing that is not done here: {error}") from error


def read_tokenizer(directory: Path, config: PreTrainedConfig) -> tuple[Tokenizer, int]:
    """The tokenizer, set to cut and to pad, and the number of tokens it cuts at.

    A text is cut at what the text tower has positions for, or earlier where the tokenizer says so; the tokens
    that begin and end a text count, and are kept. Padding is to the longest text of a batch. Safe to call from
    several threads.
    """
    try:
        loaded = AutoTokenizer.from_pretrained(directory, local_files_only=True, trust_remote_code=False)
        tokenizer: Tokenizer = loaded.backend_tokenizer
    except UNREADABLE as error:
        raise EncoderRefused(f"the tokenizer of {directory} cannot be loaded: {error}") from error
    max_tokens = min(config.text_config.max_position_embeddings, loaded.model_max_length)
    tokenizer.enable_truncation(max_tokens)
    tokenizer.enable_padding(pad_id=loaded.pad_token_id or 0, pad_token=loaded.pad_token or "")
    return tokenizer, max_tokens


def _stated(directory: Path) -> dict[str, Any]:
    """What the directory says of its pictures: in a file of its own, or in a part of a newer one."""
    for name, part in (("preprocessor_config.json", None), ("processor_config.json", "image_processor")):
        if (directory / name).is_file():
            try:
                read = json.loads((directory / name).read_text())
                stated = read[part] if part else read
            except (ValueError, KeyError) as error:
                raise EncoderRefused(f"{directory / name} cannot be read: {error}") from error
            return dict(stated)
    raise EncoderRefused(f"{directory} does not say how pictures are prepared: it has no preprocessor_config.json")


def _sizes(stated: dict[str, Any]) -> tuple[int, int, Literal["crop", "stretch"]]:
    """The size of the prepared picture, that of its short side before it is cropped, and how it is fitted."""
    size = stated["size"]
    size = {"shortest_edge": size} if isinstance(size, int) else size
    if not stated.get("do_resize", True):
        raise ValueError("pictures are not resized")
    if "shortest_edge" not in size:
        height, width = size["height"], size["width"]
        if height != width or stated.get("do_center_crop"):
            raise ValueError("pictures are not made square by stretching them")
        return height, height, "stretch"
    crop = stated["crop_size"]
    height, width = (crop, crop) if isinstance(crop, int) else (crop["height"], crop["width"])
    if height != width or not stated.get("do_center_crop") or height > size["shortest_edge"]:
        raise ValueError("pictures are not made square by a crop of their centre")
    return height, size["shortest_edge"], "crop"
