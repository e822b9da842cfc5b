"""CLIP's two towers (Radford et al. 2021), their weights named as Hugging Face's `CLIPModel` stores them.

The library's own classes give the same vectors; importing them takes 100 MB, more than the rest of a process that
answers queries.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedConfig


def _quick_gelu(x: Tensor) -> Tensor:
    return x * torch.sigmoid(1.702 * x)


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"gelu": functional.gelu, "quick_gelu": _quick_gelu}
"""By `hidden_act` of the config: those of CLIP's published models."""

_LEGACY_END = 2
"""Configs from before 2023 state this as the number of the last token, whatever it is: the highest there is."""


def _embedding(count: int, width: int) -> nn.Embedding:
    """Drawing its numbers by chance, where tensors hold none, would import torch's compiler: 80 MB, and seconds."""
    return nn.Embedding(count, width, _weight=torch.empty(count, width))


class TextModel(nn.Module):
    """A causal transformer over tokens; a text is what stands at its last one.

    Texts are padded on the right, so that no token but padding sees padding: there is no need of a mask.
    """

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self._end = config.eos_token_id
        self.embeddings = nn.ModuleDict(
            {
                "token_embedding": _embedding(config.vocab_size, width),
                "position_embedding": _embedding(config.max_position_embeddings, width),
            }
        )
        self.encoder = _Layers(config, causal=True)
        self.final_layer_norm = nn.LayerNorm(width, eps=config.layer_norm_eps)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:  # noqa: ARG002 - see the class
        """Texts of shape (n, tokens) as shape (n, hidden size)."""
        places = torch.arange(input_ids.shape[1], device=input_ids.device)
        tokens = self.embeddings["token_embedding"](input_ids) + self.embeddings["position_embedding"](places)
        found = self.final_layer_norm(self.encoder(tokens))
        ends = input_ids if self._end == _LEGACY_END else (input_ids == self._end).int()
        last: Tensor = found[torch.arange(len(found), device=found.device), ends.argmax(dim=1)]
        return last


class PictureModel(nn.Module):
    """A transformer over the patches of a picture and one token more, which is what the picture is."""

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__()
        self.embeddings = _Patches(config)
        self.pre_layrnorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)  # stored under this spelling
        self.encoder = _Layers(config, causal=False)
        self.post_layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, pixel_values: Tensor) -> Tensor:
        """Pictures of shape (n, 3, size, size) as shape (n, hidden size)."""
        found = self.encoder(self.pre_layrnorm(self.embeddings(pixel_values)))
        pooled: Tensor = self.post_layernorm(found[:, 0])
        return pooled


class _Patches(nn.Module):
    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__()
        width, size = config.hidden_size, config.patch_size
        self.class_embedding = nn.Parameter(torch.empty(width))
        self.patch_embedding = nn.Conv2d(config.num_channels, width, kernel_size=size, stride=size, bias=False)
        self.position_embedding = _embedding((config.image_size // size) ** 2 + 1, width)

    def forward(self, pixel_values: Tensor) -> Tensor:
        patches = self.patch_embedding(pixel_values).flatten(2).transpose(1, 2)
        first = self.class_embedding.expand(len(patches), 1, -1)
        placed: Tensor = torch.cat([first, patches], dim=1) + self.position_embedding.weight
        return placed


class _Layers(nn.Module):
    def __init__(self, config: PreTrainedConfig, *, causal: bool) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_Layer(config, causal=causal) for _ in range(config.num_hidden_layers))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


class _Layer(nn.Module):
    def __init__(self, config: PreTrainedConfig, *, causal: bool) -> None:
        super().__init__()
        width, eps = config.hidden_size, config.layer_norm_eps
        self._causal = causal
        self._heads = config.num_attention_heads
        self._activation = ACTIVATIONS[config.hidden_act]
        names = ("q_proj", "k_proj", "v_proj", "out_proj")
        self.self_attn = nn.ModuleDict({name: nn.Linear(width, width) for name in names})
        self.layer_norm1 = nn.LayerNorm(width, eps=eps)
        self.mlp = nn.ModuleDict(
            {"fc1": nn.Linear(width, config.intermediate_size), "fc2": nn.Linear(config.intermediate_size, width)}
        )
        self.layer_norm2 = nn.LayerNorm(width, eps=eps)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self._attention(self.layer_norm1(x))
        inner = self._activation(self.mlp["fc1"](self.layer_norm2(x)))
        whole: Tensor = x + self.mlp["fc2"](inner)
        return whole

    def _attention(self, x: Tensor) -> Tensor:
        query, key, value = (
            self.self_attn[name](x).unflatten(2, (self._heads, -1)).transpose(1, 2)
            for name in ("q_proj", "k_proj", "v_proj")
        )
        seen = functional.scaled_dot_product_attention(query, key, value, is_causal=self._causal)
        together: Tensor = self.self_attn["out_proj"](seen.transpose(1, 2).flatten(2))
        return together
