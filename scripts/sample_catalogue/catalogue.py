"""Make the sample catalogue: a manifest and the pictures it names."""

import csv
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from random import Random

from PIL import Image

from .assortment import Combination, assortment
from .kinds import KINDS, Kind
from .render import looks_for, render
from .wording import word

PRODUCTS = 720
PICTURE_SIZE = 320
COLUMNS = (
    "product_id",
    "title",
    "description",
    "image",
    "split",
    "kind",
    "style",
    "colour",
    "pattern",
    "brand",
    "price",
    "stock",
    "in_stock",
    "rating",
    "released",
)

_BRANDS = {
    "kitchen": ("Morgenrot", "Fern & Clay", "Tarn"),
    "home": ("Fern & Clay", "Halden", "Little Orchard"),
    "clothing": ("Halden", "Nordwind", "Little Orchard", "Marrow"),
    "accessories": ("Marrow", "Nordwind", "Quill & Co"),
    "bags": ("Quill & Co", "Tarn", "Wayfare"),
    "shoes": ("Wayfare", "Marrow", "Pebble"),
    "furniture": ("Alder House", "Halden", "Lumen"),
}
_FIRST_DAY = date(2023, 1, 1)

# Mostly what shops have; every format the service accepts is among them.
_FORMATS = {"jpg": 16, "webp": 2, "png": 2}


def generate(
    out: Path,
    *,
    seed: int,
    products: int = PRODUCTS,
    scale: float = 1.0,
    on_progress: Callable[[int], None] | None = None,
) -> Path:
    """Write `products.csv` and `pictures/` into `out` and return the path of the manifest.

    The same arguments give the same manifest byte for byte, and on one version of Pillow the same pictures.
    `scale` multiplies the pictures' side of 320 pixels; `on_progress` is told how many products are done.
    """
    (out / "pictures").mkdir(parents=True, exist_ok=True)
    manifest = out / "products.csv"
    with manifest.open("w", encoding="utf-8", newline="") as file:
        rows = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        rows.writeheader()
        for index, combination in enumerate(assortment(products, Random(f"{seed}"))):
            rows.writerow(_product(out, index, combination, Random(f"{seed}/{index}"), round(PICTURE_SIZE * scale)))
            if on_progress is not None:
                on_progress(index + 1)
    return manifest


def _product(out: Path, index: int, combination: Combination, random: Random, size: int) -> dict[str, str]:
    """Draw and word one product; returns its row."""
    kind = KINDS[combination.kind]
    style = random.choice(list(kind.styles))
    product_id = f"{kind.name.lower()}-{index + 1:05d}"
    looks = looks_for(combination.colour, combination.pattern, random)
    picture = render(kind.drawing(style), looks, random, size=size, stands=kind.stands, flips=kind.flips)
    brand = random.choice(_BRANDS[kind.department])
    wording = word(
        kind=kind.name,
        style=style,
        colour=combination.colour,
        pattern=combination.pattern,
        brand=brand,
        department=kind.department,
        random=random,
    )
    return {
        "product_id": product_id,
        "title": wording.title,
        "description": wording.description,
        "image": _save(picture, out, product_id, random),
        "split": combination.split,
        "kind": kind.name,
        "style": style,
        "colour": combination.colour,
        "pattern": combination.pattern,
        "brand": brand,
        **_offer(kind, random),
    }


def _save(picture: Image.Image, out: Path, product_id: str, random: Random) -> str:
    """Write the picture in one of the formats; returns its path relative to the manifest."""
    name = f"pictures/{product_id}.{random.choices(list(_FORMATS), list(_FORMATS.values()))[0]}"
    # method 0 and compress_level 1: a few milliseconds less a picture for a few kilobytes more.
    picture.save(out / name, quality=90, method=0, compress_level=1)
    return name


def _offer(kind: Kind, random: Random) -> dict[str, str]:
    """Price, stock and rating: dearer things are rarer, and most ratings are good."""
    low, high = kind.price
    price = low * (high / low) ** random.betavariate(2, 2.4)
    ending = random.choice((0.99, 0.95, 0.5, 0.0))
    stock = 0 if random.random() < 0.12 else int(random.expovariate(price / 1500)) % 200 + 1
    return {
        "price": f"{max(low, int(price)) + ending:.2f}",
        "stock": str(stock),
        "in_stock": "true" if stock else "false",
        "rating": f"{5 - 3 * random.betavariate(1.6, 5):.1f}",
        "released": (_FIRST_DAY + timedelta(days=random.randrange(900))).isoformat(),
    }
