"""The colours of the shop: what products are made in, what a pattern is printed in, and what stands behind."""

from random import Random

import numpy as np
from numpy.typing import NDArray

Colour = NDArray[np.floating]
"""Red, green and blue, 0 to 255."""


def _colour(code: str) -> Colour:
    return np.frombuffer(bytes.fromhex(code), dtype=np.uint8).astype(np.float32)


_SHADES = {
    "red": ("c4303a", "d5443f", "b92b32"),
    "orange": ("e57a2c", "ec8b3d", "dd6f26"),
    "yellow": ("f0c23c", "f3cd57", "e9b931"),
    "green": ("3f8f52", "57a266", "357f4a"),
    "teal": ("1f8a8c", "2f9a96", "1c7a80"),
    "blue": ("3b78c4", "4e8fd8", "3569b3"),
    "navy": ("25365f", "2c406d", "212f54"),
    "purple": ("7a4fa3", "8d62b5", "6b4396"),
    "pink": ("ee8cae", "f3a3bd", "e87ba2"),
    "brown": ("7a4d33", "8a5a3c", "6c432c"),
    "beige": ("d8c09b", "cdb289", "dfcaa9"),
    "grey": ("8d9198", "9ba0a6", "7f848c"),
    "black": ("2a2b30", "323338", "242528"),
    "white": ("f7f5f0", "fbfaf8", "f2f1ee"),
}
COLOURS = tuple(_SHADES)

_WALLS = tuple(
    map(_colour, ("eee0cd", "cfe0ea", "dcd3ea", "d0e5d6", "f4d6ca", "eee3b8", "d5dae6", "eed2dc", "c9e3e3"))
)
# What stands out on pale colours; everything darker is printed in cream or a tint of itself.
_ACCENTS_ON_PALE = {
    "yellow": ("a8641c", "8c5a2b", "b5561f"),
    "pink": ("b53a6b", "fff6f2", "9c3560"),
    "beige": ("8c6a45", "775338"),
    "white": ("7f8794", "5f6672", "a1968a"),
}

_TRIMS = tuple(map(_colour, ("f7f3ea", "efe6d6", "c79a68", "4a4a50", "fbfbf9")))

WHITE = _colour("ffffff")
BLACK = _colour("15141a")
WOOD = tuple(map(_colour, ("b98652", "a06c3f", "cfa372", "7d5233")))
METAL = tuple(map(_colour, ("c3c7cd", "d8b46a", "b9bec6", "dba98b")))
DARK = _colour("3a3a40")
CREAM = _colour("f8f4ea")
LEAF = _colour("7f9b78")
TEA = _colour("6b3f24")


def mix(first: Colour, second: Colour, part: float) -> Colour:
    """`part` of the second colour in the first."""
    return first + (second - first) * part


def brightness(colour: Colour) -> float:
    """Luma, 0 to 1."""
    return float(colour @ np.array([0.299, 0.587, 0.114], np.float32)) / 255


def shade_of(name: str, random: Random) -> Colour:
    """One of the shades a colour's name covers, a little lighter or darker every time."""
    shade = _colour(random.choice(_SHADES[name]))
    drift = random.uniform(-0.06, 0.06)
    return mix(shade, WHITE if drift > 0 else BLACK, abs(drift))


def accent_for(name: str, body: Colour, random: Random) -> Colour:
    """What a pattern is printed in: a neutral or a tone of the body, so that the product keeps one colour's name."""
    if name in _ACCENTS_ON_PALE:
        return _colour(random.choice(_ACCENTS_ON_PALE[name]))
    return random.choice((CREAM, CREAM, mix(body, WHITE, 0.74)))


def trim_for(random: Random) -> Colour:
    """The quiet neutral of soles, laces and straps."""
    return random.choice(_TRIMS)


def wall_for(body: Colour, random: Random) -> Colour:
    """A pale wall that keeps its distance from the product: darker behind pale things."""
    far = [wall for wall in _WALLS if float(np.abs(wall - body).sum()) > 90]
    wall = random.choice(far or _WALLS)
    if brightness(body) > 0.78:
        return mix(wall, _colour("6f7688"), random.uniform(0.2, 0.34))
    return mix(wall, WHITE, random.uniform(0, 0.3))
