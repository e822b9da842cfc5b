"""Write manifests of the real catalogues beside the checkout: `fashion-224.csv`, `fashion-60.csv`, `eshop.csv`.

    python -m scripts.bench.fashion_manifest FOLDER [--data ../shared/data]

The pictures stay where they are; the manifests name them by absolute path.
"""

import argparse
import csv
import json
from collections.abc import Iterable
from pathlib import Path

_COPIED = ("gender", "category", "subcategory", "article_type", "colour", "season", "year", "usage")


def main() -> None:
    """Write the three manifests and say how many products each has."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the manifests go")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="where the catalogues are")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    data = arguments.data.resolve()
    manifests = {
        "fashion-224.csv": _fashion(data / "fashion", "photo_224"),
        "fashion-60.csv": _fashion(data / "fashion", "photo_60x80"),
        "eshop.csv": _eshop(data / "eshop"),
    }
    for name, rows in manifests.items():
        print(f"{arguments.folder / name}: {_write(arguments.folder / name, list(rows)):,} products")


def _fashion(folder: Path, photo: str) -> Iterable[dict[str, str]]:
    """The products that have this photo. Neighbouring ids are near-duplicates, so they are split by blocks of 50."""
    with (folder / "products.csv").open(newline="", encoding="utf-8") as lines:
        for product in csv.DictReader(lines):
            if product[photo]:
                product_id = product["product_id"]
                yield {
                    "product_id": product_id,
                    "title": product["title"],
                    "image": f"{folder / product[photo]}#{product_id}.jpg",
                    **{name: product[name] for name in _COPIED},
                    "split": "validation" if int(product_id) // 50 % 5 == 1 else "train",
                }


def _eshop(folder: Path) -> Iterable[dict[str, str]]:
    for product in json.loads((folder / "catalog.json").read_text(encoding="utf-8-sig")):
        yield {
            "product_id": str(product["Id"]),
            "title": product["Name"],
            "description": product["Description"],
            "image": f"{folder / 'images.zip'}#{product['Id']}.webp",
            "type": product["Type"],
            "brand": product["Brand"],
            "price": str(product["Price"]),
        }


def _write(path: Path, rows: list[dict[str, str]]) -> int:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return len(rows)


if __name__ == "__main__":
    main()
