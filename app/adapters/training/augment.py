"""Pictures varied a little, so that a tower learns the product and not the photo."""

import torch
from torch import Tensor
from torch.nn import functional


def vary(pictures: Tensor, *, flip: bool, shift: int, zoom: float, generator: torch.Generator) -> Tensor:
    """Mirror half of the pictures, move each by up to `shift` pixels both ways, and scale it by up to 1 ± `zoom`.

    The edge is repeated where nothing was. Takes shape (n, 3, size, size), uint8, and gives the same, float32.
    """
    count, _, height, width = pictures.shape
    mirror, across, down, scale = torch.rand(4, count, generator=generator) * 2 - 1
    # Each row of theta maps a place in the result to the place in the picture that it is taken from, from −1 to 1.
    theta = torch.zeros(count, 2, 3)
    theta[:, 1, 1] = 1 + zoom * scale
    theta[:, 0, 0] = theta[:, 1, 1] * (torch.where(mirror < 0, -1, 1) if flip else 1)
    theta[:, 0, 2] = 2 * shift / width * across
    theta[:, 1, 2] = 2 * shift / height * down
    grid = functional.affine_grid(theta, list(pictures.shape), align_corners=False)
    return functional.grid_sample(pictures.float(), grid, padding_mode="border", align_corners=False)
