"""Pictures varied a little, so that a tower learns the product and not the photo."""

import torch
from torch import Tensor
from torch.nn import functional


def vary(pictures: Tensor, *, flip: bool, shift: int, generator: torch.Generator) -> Tensor:
    """Mirror half of the pictures and move each by up to `shift` pixels both ways, its edge repeated.

    Takes and gives shape (n, 3, size, size), uint8.
    """
    count, _, height, width = pictures.shape
    if flip:
        mirrored = torch.rand(count, generator=generator) < 0.5
        pictures = torch.where(mirrored[:, None, None, None], pictures.flip(3), pictures)
    if not shift:
        return pictures
    # Padding by repetition is not implemented for bytes; every byte is exact in float32.
    padded = functional.pad(pictures.float(), (shift, shift, shift, shift), mode="replicate").to(torch.uint8)
    top, left = torch.randint(0, 2 * shift + 1, (2, count, 1), generator=generator)
    rows = (top + torch.arange(height))[:, None, :, None]
    columns = (left + torch.arange(width))[:, None, None, :]
    return padded[torch.arange(count)[:, None, None, None], torch.arange(3)[None, :, None, None], rows, columns]
