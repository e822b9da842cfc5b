"""The two towers before they have learned anything."""

import os
from torch import nn
from transformers import BertConfig, ConvNextConfig, VisionTextDualEncoderConfig, VisionTextDualEncoderModel

from app.domain.training import TrainingSettings

_LAYER_SCALE = 0.1
"""How much of each residual block is heard at first. The 1e-6 of deep ConvNeXts takes longer to grow than we train."""


def new_towers(settings: TrainingSettings, *, vocabulary: int) -> VisionTextDualEncoderModel:
    """A ConvNeXt picture tower (Liu et al. 2022) and a BERT text tower (Devlin et al. 2018) with random weights."""
    picture = ConvNextConfig(
        image_size=settings.picture_size,
        patch_size=settings.patch,
        num_stages=len(settings.picture_widths),
        hidden_sizes=list(settings.picture_widths),
        depths=list(settings.picture_depths),
        # The dual encoder asks for the width by this name.
        hidden_size=settings.picture_widths[-1],
        layer_scale_init_value=float(os.environ.get("LS", "0")),
    )
    text = BertConfig(
        vocab_size=vocabulary,
        hidden_size=settings.text_width,
        num_hidden_layers=settings.text_layers,
        num_attention_heads=settings.text_heads,
        intermediate_size=4 * settings.text_width,
        max_position_embeddings=settings.max_tokens,
        type_vocab_size=1,
        pad_token_id=0,
        hidden_dropout_prob=settings.dropout,
        attention_probs_dropout_prob=0.0,
    )
    config = VisionTextDualEncoderConfig.from_vision_text_configs(picture, text, projection_dim=settings.dimension)
    model = VisionTextDualEncoderModel(config)
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            _LAYER_INIT(module)
    return model


def _LAYER_INIT(module):
    fan_in = module.weight[0].numel()
    nn.init.normal_(module.weight, std=fan_in**-0.5)
