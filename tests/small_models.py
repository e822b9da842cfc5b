"""Model directories with random weights, made on the fly: what they find means nothing, how they compute does."""

import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from transformers import (
    BertConfig,
    CLIPConfig,
    CLIPImageProcessorPil,
    CLIPModel,
    CLIPTokenizer,
    ConvNextConfig,
    PreTrainedTokenizerFast,
    VisionTextDualEncoderConfig,
    VisionTextDualEncoderModel,
)

from app.adapters.training.byte_pairs import learn_tokenizer
from app.adapters.training.towers import new_towers
from app.domain.training import TrainingSettings

WORDS = ["red mug", "blue mug", "green sneaker", "yellow hat", "a striped sofa with four legs"]
MAX_TOKENS = 12

SMALL = TrainingSettings(
    picture_size=32,
    picture_widths=(8, 16),
    picture_depths=(1, 1),
    text_width=16,
    text_layers=1,
    text_heads=2,
    vocabulary=300,
    max_tokens=MAX_TOKENS,
    dimension=16,
    threads=1,
)


def write_clip(directory: Path, *, dtype: torch.dtype = torch.float32) -> Path:
    """A CLIP whose projection is as wide as neither tower, with its tokenizer as vocabulary and merges."""
    alphabet = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    pieces = [*alphabet, *(letter + "</w>" for letter in alphabet), "<|startoftext|>", "<|endoftext|>"]
    tokenizer = CLIPTokenizer({piece: number for number, piece in enumerate(pieces)}, [], model_max_length=MAX_TOKENS)
    tower = {"num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    ends = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    text = {"hidden_size": 16, "vocab_size": len(pieces), "max_position_embeddings": MAX_TOKENS, **tower, **ends}
    picture = {"hidden_size": 24, "image_size": 32, "patch_size": 8, **tower}
    torch.manual_seed(0)
    model = CLIPModel(CLIPConfig(text_config=text, vision_config=picture, projection_dim=20))
    model.to(dtype).save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    square = {"height": 32, "width": 32}
    CLIPImageProcessorPil(size={"shortest_edge": 36}, crop_size=square).save_pretrained(directory)
    return directory


def write_dual_encoder(directory: Path) -> Path:
    """A ResNet beside CLIP's text tower, as a training makes them."""
    return _write_dual_encoder(directory, lambda tokenizer: new_towers(SMALL, tokenizer))


def write_other_dual_encoder(directory: Path) -> Path:
    """A ConvNeXt beside a BERT: towers that are neither CLIP's nor of our training."""

    def towers(tokenizer: PreTrainedTokenizerFast) -> VisionTextDualEncoderModel:
        picture = ConvNextConfig(image_size=32, num_stages=2, hidden_sizes=[8, 16], depths=[1, 1])
        picture.hidden_size = 16
        sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
        text = BertConfig(vocab_size=len(tokenizer), max_position_embeddings=MAX_TOKENS, pad_token_id=0, **sizes)
        config = VisionTextDualEncoderConfig.from_vision_text_configs(picture, text, projection_dim=16)
        return VisionTextDualEncoderModel(config)

    return _write_dual_encoder(directory, towers)


def _write_dual_encoder(
    directory: Path, towers: Callable[[PreTrainedTokenizerFast], VisionTextDualEncoderModel]
) -> Path:
    tokenizer = learn_tokenizer(WORDS * 2, vocabulary=SMALL.vocabulary, max_tokens=MAX_TOKENS)
    torch.manual_seed(0)
    model = towers(tokenizer)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):  # as if it had been trained: new ones change nothing
            for numbers in module.state_dict().values():
                if numbers.is_floating_point():
                    torch.nn.init.uniform_(numbers, 0.5, 2)
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    stated = {
        "size": {"height": 32, "width": 32},
        "do_center_crop": False,
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
    }
    (directory / "preprocessor_config.json").write_text(json.dumps(stated))
    return directory


def photo(width: int, height: int, *, seed: int = 0, mode: str = "RGB", form: str = "JPEG") -> bytes:
    """A picture with soft shapes and sharp edges, encoded."""
    random = np.random.default_rng(seed)
    soft = Image.fromarray(random.integers(0, 255, (6, 8, 3), dtype=np.uint8)).resize(
        (width, height), Image.Resampling.BICUBIC
    )
    soft.paste(tuple(random.integers(0, 255, 3).tolist()), (width // 5, height // 4, width // 2, height // 2))
    written = BytesIO()
    soft.convert(mode).save(written, form, quality=90)
    return written.getvalue()
