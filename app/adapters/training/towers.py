"""The two towers before they have learned anything."""

import torch
from torch import nn
from transformers import BertConfig, ConvNextConfig, VisionTextDualEncoderConfig, VisionTextDualEncoderModel

from app.domain.training import TrainingSettings


def new_towers(settings: TrainingSettings, *, vocabulary: int) -> VisionTextDualEncoderModel:
    """A ConvNeXt picture tower (Liu et al. 2022) and a BERT text tower (Devlin et al. 2018) with random weights."""
    picture = ConvNextConfig(
        image_size=settings.picture_size,
        patch_size=settings.patch,
        num_stages=len(settings.picture_widths),
        hidden_sizes=list(settings.picture_widths),
        depths=list(settings.picture_depths),
        drop_path_rate=settings.drop_path,
        # Layer scale holds every block back at first, which helps deep towers and delays shallow ones.
        layer_scale_init_value=0.0,
    )
    picture.hidden_size = settings.picture_widths[-1]  # the dual encoder asks for the width by this name
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
        attention_probs_dropout_prob=0.0,  # it would keep attention from its fast form
    )
    config = VisionTextDualEncoderConfig.from_vision_text_configs(picture, text, projection_dim=settings.dimension)
    model = VisionTextDualEncoderModel(config)
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            _keep_variance(module)
        if isinstance(module, nn.Conv2d):
            # A step takes a quarter less time so on a CPU.
            module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last)
    return model


def _keep_variance(module: nn.Linear | nn.Conv2d) -> None:
    """Draw weights that keep the variance of what goes in (LeCun et al. 1998).

    The library's fixed deviation of 0.02 is made for towers of width 768: in narrow ones the blocks start almost
    silent and take epochs to be heard.
    """
    fan_in = module.weight[0].numel()
    nn.init.normal_(module.weight, std=fan_in**-0.5)
