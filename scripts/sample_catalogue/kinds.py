"""What the shop sells: every kind with its styles, how it is shown, and what it costs."""

from dataclasses import dataclass

from .parts import Parts, fitted
from .shapes import carried, dresses, footwear, furniture, headwear, tableware, tops


@dataclass(frozen=True)
class Kind:
    """A kind of product; `styles` maps a style's name to its drawing."""

    name: str
    styles: dict[str, Parts]
    price: tuple[float, float]
    department: str
    stands: bool = False  # on a floor, rather than hanging before a wall
    flips: bool = False  # looks different from the other side

    def drawing(self, style: str) -> Parts:
        """The parts of a style, filling the picture as others do."""
        return fitted(self.styles[style], extent=80, growth=1.2, foot=87 if self.stands else None)


_ALL = (
    Kind("mug", tableware.MUG, (6, 22), "kitchen", stands=True, flips=True),
    Kind("bottle", tableware.BOTTLE, (12, 38), "kitchen", stands=True),
    Kind("vase", tableware.VASE, (14, 70), "home", stands=True, flips=True),
    Kind("teapot", tableware.TEAPOT, (18, 65), "kitchen", stands=True, flips=True),
    Kind("T-shirt", tops.T_SHIRT, (9, 35), "clothing"),
    Kind("jumper", tops.JUMPER, (25, 90), "clothing"),
    Kind("dress", dresses.DRESS, (29, 140), "clothing"),
    Kind("skirt", dresses.SKIRT, (19, 75), "clothing"),
    Kind("hat", headwear.HAT, (12, 45), "accessories", flips=True),
    Kind("scarf", headwear.SCARF, (12, 60), "accessories", flips=True),
    Kind("umbrella", headwear.UMBRELLA, (15, 55), "accessories", flips=True),
    Kind("watch", carried.WATCH, (45, 320), "accessories"),
    Kind("backpack", carried.BACKPACK, (35, 130), "bags"),
    Kind("handbag", carried.HANDBAG, (25, 180), "bags"),
    Kind("sneaker", footwear.SNEAKER, (35, 130), "shoes", stands=True, flips=True),
    Kind("boot", footwear.BOOT, (45, 190), "shoes", stands=True, flips=True),
    Kind("socks", footwear.SOCKS, (4, 16), "clothing", flips=True),
    Kind("chair", furniture.CHAIR, (49, 390), "furniture", stands=True),
    Kind("sofa", furniture.SOFA, (290, 1490), "furniture", stands=True),
    Kind("lamp", furniture.LAMP, (25, 190), "furniture", stands=True),
    Kind("cushion", furniture.CUSHION, (9, 45), "home"),
)
KINDS = {kind.name: kind for kind in _ALL}
