"""How the towers learn: the loss, the optimizer and its learning rate."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from app.domain.training import TrainingSettings

_MAX_LOGIT_SCALE = math.log(100)
"""The bound that CLIP puts on the learned temperature, so that training stays stable."""


def contrastive_loss(pictures: Tensor, texts: Tensor, logit_scale: Tensor, same: Tensor) -> Tensor:
    """Symmetric InfoNCE with a learned temperature (CLIP, Radford et al. 2021): a scalar.

    `pictures` and `texts` have shape (n, dimension), of any norm. `same`, shape (n, n), bool, marks rows that
    are not held against each other: no picture can tell which of two equal texts is its own.
    """
    pictures, texts = functional.normalize(pictures, dim=1), functional.normalize(texts, dim=1)
    scores = logit_scale.clamp(max=_MAX_LOGIT_SCALE).exp() * pictures @ texts.T
    own = torch.arange(len(scores))
    scores = scores.masked_fill(same & (own[:, None] != own), -math.inf)
    return (functional.cross_entropy(scores, own) + functional.cross_entropy(scores.T, own)) / 2


def new_optimizer(model: nn.Module, settings: TrainingSettings) -> torch.optim.Optimizer:
    """AdamW (Loshchilov and Hutter 2019); biases, norms, scales and the temperature do not decay."""
    weights = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    scalars = [parameter for parameter in model.parameters() if parameter.ndim <= 1]
    groups = [
        {"params": weights, "weight_decay": settings.weight_decay},
        {"params": scalars, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=(0.9, 0.98), fused=True)


def learning_rate(step: int, steps: int, settings: TrainingSettings) -> float:
    """The rate at `step` (from 0) of `steps` in the whole training: a linear warm-up, then half a cosine to zero."""
    warmup = max(1, round(settings.warmup * steps))
    if step < warmup:
        return settings.learning_rate * (step + 1) / warmup
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup)))
