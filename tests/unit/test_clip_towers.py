"""Our CLIP towers give what the library's give, with the same weights, whatever the config says."""

from typing import Any

import pytest
import torch
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPVisionConfig, CLIPVisionModel

from app.adapters.encoders.clip import PictureModel, TextModel

SIZES = {"hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 3, "num_attention_heads": 4}
END = 99


def spread(library: nn.Module) -> dict[str, Any]:
    """Weights far from their start, where every norm and bias would be neutral."""
    torch.manual_seed(0)
    state = {name: torch.randn_like(value) * 0.3 for name, value in library.state_dict().items()}
    library.load_state_dict(state)
    return state


@pytest.mark.parametrize("activation", ["gelu", "quick_gelu"])
@pytest.mark.parametrize(("stated_end", "pad"), [(END, 0), (END, END), (2, 0), (2, END)])
def test_texts(activation: str, stated_end: int, pad: int) -> None:
    config = CLIPTextConfig(
        **SIZES, hidden_act=activation, vocab_size=100, max_position_embeddings=9, eos_token_id=stated_end
    )
    library = CLIPTextModel(config).eval()
    own = TextModel(config).eval()
    own.load_state_dict(spread(library))
    ids = torch.tensor([[7, 5, 6, 4, END], [7, 5, END, pad, pad], [7, END, pad, pad, pad]])
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 1, 0, 0, 0]])
    with torch.inference_mode():
        expected = library(input_ids=ids, attention_mask=mask).pooler_output
        torch.testing.assert_close(own(input_ids=ids, attention_mask=mask), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("activation", ["gelu", "quick_gelu"])
def test_pictures(activation: str) -> None:
    config = CLIPVisionConfig(**SIZES, hidden_act=activation, image_size=32, patch_size=8)
    library = CLIPVisionModel(config).eval()
    own = PictureModel(config).eval()
    own.load_state_dict(spread(library))
    pixels = torch.randn(3, 3, 32, 32)
    with torch.inference_mode():
        expected = library(pixel_values=pixels).pooler_output
        torch.testing.assert_close(own(pixel_values=pixels), expected, rtol=1e-4, atol=1e-5)
