"""The two towers before they have learned anything."""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    CLIPTextConfig,
    PreTrainedTokenizerFast,
    ResNetConfig,
    VisionTextDualEncoderConfig,
    VisionTextDualEncoderModel,
)

from app.domain.training import TrainingSettings


def new_towers(settings: TrainingSettings, tokenizer: PreTrainedTokenizerFast) -> VisionTextDualEncoderModel:
    """A ResNet picture tower (He et al. 2016) and CLIP's text tower (Radford et al. 2021) with random weights."""
    picture = ResNetConfig(
        embedding_size=settings.picture_widths[0],
        hidden_sizes=list(settings.picture_widths),
        depths=list(settings.picture_depths),
        layer_type="basic",
    )
    picture.hidden_size = settings.picture_widths[-1]  # the dual encoder asks for the width by this name
    text = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=settings.text_width,
        num_hidden_layers=settings.text_layers,
        num_attention_heads=settings.text_heads,
        intermediate_size=4 * settings.text_width,
        max_position_embeddings=settings.max_tokens,
        hidden_act="gelu",
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.cls_token_id,
        eos_token_id=tokenizer.sep_token_id,
    )
    config = VisionTextDualEncoderConfig.from_vision_text_configs(picture, text, projection_dim=settings.dimension)
    model = VisionTextDualEncoderModel(config)
    model.vision_model.register_forward_hook(_flatten)
    for module in model.modules():
        if isinstance(module, nn.Linear):
            _keep_variance(module)
        if isinstance(module, nn.Conv2d):
            # A step takes a quarter less time so on a CPU.
            module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last)
    return model


def _flatten(module: nn.Module, arguments: tuple[Tensor, ...], found: Any) -> Any:  # noqa: ARG001 - a hook's signature
    """The library leaves a ResNet's pooled output as (n, width, 1, 1), which no projection takes."""
    found.pooler_output = found.pooler_output.flatten(1)
    return found


def _keep_variance(module: nn.Linear) -> None:
    """Draw weights that keep the variance of what goes in (LeCun et al. 1998).

    The library's fixed deviation of 0.02 is made for towers of width 768: in narrow ones the blocks start almost
    silent and take epochs to be heard.
    """
    nn.init.normal_(module.weight, std=module.in_features**-0.5)
