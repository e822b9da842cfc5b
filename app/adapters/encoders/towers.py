"""The two towers of a dual encoder, each built and loaded alone."""

import threading
import warnings
from pathlib import Path
from typing import Literal

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from transformers import PreTrainedConfig

from app.adapters.encoders.clip import ACTIVATIONS, PictureModel, TextModel
from app.adapters.encoders.model_files import weight_files
from app.domain.errors import EncoderRefused

_PARTS = {"picture": ("vision_model.", "visual_projection."), "text": ("text_model.", "text_projection.")}
"""Under which names the weights of a tower and those of its projection are stored."""

_OURS = {"clip_vision_model": PictureModel, "clip_text_model": TextModel}

_TRACED = {"resnet"}
"""Towers of small operators, which are the same ones whatever the size and number of pictures."""

_building = threading.Lock()
"""Leaving new weights as they lie in memory is switched on for the whole process, so one tower is built at a time."""


class Tower(nn.Module):
    """A picture or text model and the projection of its pooled output into the shared space."""

    def __init__(self, model: nn.Module, projection: nn.Linear) -> None:
        super().__init__()
        self.model = model
        self.projection = projection

    def forward(self, **arguments: Tensor) -> Tensor:
        """Vectors of shape (n, dimension), float32, rows of norm 1."""
        found = self.model(**arguments)
        pooled = found if isinstance(found, Tensor) else found.pooler_output
        # Flat: some of the library's convolutional towers leave theirs as (n, width, 1, 1).
        return nn.functional.normalize(self.projection(pooled.flatten(1)).float(), dim=1)


def load_tower(
    directory: Path, config: PreTrainedConfig, which: Literal["picture", "text"], *, device: str, dtype: torch.dtype
) -> nn.Module:
    """Read one tower's weights, and only those. Raises `EncoderRefused` where they do not fit the config."""
    part = config.vision_config if which == "picture" else config.text_config
    try:
        tower = _new_tower(part, config.projection_dim)
        _read_weights(tower, directory, which)
    except (OSError, RuntimeError, ValueError, KeyError, SafetensorError) as error:
        raise EncoderRefused(f"the {which} tower in {directory} cannot be loaded: {error}") from error
    tower.eval().requires_grad_(False)
    _fold(tower)
    tower.to(device=device, dtype=dtype)
    return _traced(tower) if part.model_type in _TRACED and device == "cpu" else tower


def _new_tower(part: PreTrainedConfig, dimension: int) -> Tower:
    """A tower whose weights are still to be read."""
    with torch.device("meta"):  # so that they take neither time nor memory before
        projection = nn.Linear(part.hidden_size, dimension, bias=False)
        ours = _OURS.get(part.model_type)
        if ours is not None and part.hidden_act in ACTIVATIONS:
            return Tower(ours(part), projection)
    return Tower(_library_model(part), projection)


def _library_model(config: PreTrainedConfig) -> nn.Module:
    from transformers import AutoModel  # noqa: PLC0415 - it takes 100 MB, which CLIP does not need
    from transformers.initialization import no_init_weights  # noqa: PLC0415 - the same

    with _building, no_init_weights():
        model: nn.Module = AutoModel.from_config(config)  # type: ignore[no-untyped-call] # the library's
    return model


def _fold(tower: Tower) -> None:
    """Multiply batch normalisation into the convolutions before it: the same numbers, in a tenth less time.

    The library's convolutional towers call the two `convolution` and `normalization` wherever one follows the other.
    """
    for module in tower.modules():
        convolution, normalization = (getattr(module, name, None) for name in ("convolution", "normalization"))
        if isinstance(convolution, nn.Conv2d) and isinstance(normalization, nn.BatchNorm2d):
            folded = fuse_conv_bn_eval(convolution, normalization)
            folded.weight.data = folded.weight.data.contiguous(memory_format=torch.channels_last)  # as pixels lie
            module.convolution, module.normalization = folded, nn.Identity()


def _traced(tower: Tower) -> nn.Module:
    """The tower as one call into torch, which holds the interpreter's lock at its two ends alone.

    Between the small operators of a small tower the lock goes back and forth a hundred times a batch, and each time
    the lane waits for the threads that store and index: a sixth of the time of an ingest. TorchScript is deprecated,
    and nothing that torch has runs without the lock in its place; a torch without it leaves the tower as it is.
    """
    if not hasattr(torch.jit, "trace"):
        return tower
    example = torch.zeros(2, 3, 64, 64)
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # that it is deprecated, and that the library looks at shapes
        traced: nn.Module = torch.jit.trace(  # type: ignore[no-untyped-call] # torch's
            _OfPictures(tower), example, check_trace=False
        )
    return traced


class _OfPictures(nn.Module):
    """A picture tower by what it takes: TorchScript knows no `**arguments`."""

    def __init__(self, tower: Tower) -> None:
        super().__init__()
        self.tower = tower

    def forward(self, pixel_values: Tensor) -> Tensor:
        found: Tensor = self.tower(pixel_values=pixel_values)
        return found


def _read_weights(tower: Tower, directory: Path, which: Literal["picture", "text"]) -> None:
    """Put the stored tensors in place of the tower's own, by reference.

    They are views of the file, mapped into memory: processes on one machine share it, and rows of the token embedding
    that no text needs are never read.
    """
    stored: dict[str, Tensor] = {}
    for path in weight_files(directory):
        with safe_open(path, framework="pt") as opened:
            names = opened.keys()
            stored.update({name: opened.get_tensor(name) for name in names if name.startswith(_PARTS[which])})
    for prefix, module in zip(_PARTS[which], (tower.model, tower.projection), strict=True):
        # Old files hold more than today's classes ask for, buffers that are computed now; to hold less is an error.
        wanted = {name: stored[prefix + name] for name in module.state_dict() if prefix + name in stored}
        module.load_state_dict(wanted, assign=True)
