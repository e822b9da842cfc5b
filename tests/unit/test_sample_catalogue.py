import csv
import re
from collections.abc import Iterable
from pathlib import Path
from random import Random

import numpy as np
import pytest
from PIL import Image

from scripts.sample_catalogue.assortment import Combination, assortment, combinations
from scripts.sample_catalogue.catalogue import COLUMNS, generate
from scripts.sample_catalogue.kinds import KINDS, Kind
from scripts.sample_catalogue.palette import COLOURS, shade_of
from scripts.sample_catalogue.patterns import PATTERNS, coverage, weave_for
from scripts.sample_catalogue.render import looks_for, render
from scripts.sample_catalogue.vocabulary import (
    COLOUR_WORDS,
    KIND_WORDS,
    PATTERN_ADJECTIVES,
    PATTERN_PHRASES,
    STYLE_SENTENCES,
)
from scripts.sample_catalogue.wording import STYLE_NOUNS, word

PRODUCTS = 100


def rows_of(manifest: Path) -> list[dict[str, str]]:
    with manifest.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(tmp_path_factory.mktemp("catalogue"), seed=7, products=PRODUCTS, scale=0.25)


@pytest.fixture(scope="module")
def titled() -> list[tuple[str, str, str, str, str]]:
    """Kind, style, colour, pattern and title of two thousand wordings."""
    random = Random(5)
    rows = []
    for combination in assortment(2000, random):
        kind = KINDS[combination.kind]
        style = random.choice(list(kind.styles))
        words = {"kind": kind.name, "style": style, "colour": combination.colour, "pattern": combination.pattern}
        wording = word(**words, brand="Tarn", department=kind.department, random=random)
        rows.append((kind.name, style, combination.colour, combination.pattern, wording.title.lower()))
    return rows


def says(text: str, words: Iterable[str]) -> bool:
    return any(re.search(rf"(?<![\w-]){re.escape(one.lower())}(?!\w)", text) for one in words)


def test_the_same_seed_gives_the_same_manifest_and_pictures(manifest: Path, tmp_path: Path) -> None:
    again = generate(tmp_path, seed=7, products=PRODUCTS, scale=0.25)
    assert again.read_bytes() == manifest.read_bytes()
    for row in rows_of(manifest):
        with Image.open(manifest.parent / row["image"]) as first, Image.open(again.parent / row["image"]) as second:
            assert first.tobytes() == second.tobytes()


def test_another_seed_gives_other_products(manifest: Path, tmp_path: Path) -> None:
    other = rows_of(generate(tmp_path, seed=8, products=20, scale=0.1))
    assert not {row["title"] for row in other} & {row["title"] for row in rows_of(manifest)}


def test_the_manifest_names_every_picture_once_and_ids_are_ones_the_service_accepts(manifest: Path) -> None:
    rows = rows_of(manifest)
    assert len(rows) == PRODUCTS
    assert tuple(rows[0]) == COLUMNS
    assert len({row["product_id"] for row in rows}) == PRODUCTS
    assert all(re.fullmatch(r"[A-Za-z0-9._:-]{1,128}", row["product_id"]) for row in rows)
    named = {manifest.parent / row["image"] for row in rows}
    assert named == set((manifest.parent / "pictures").iterdir())
    assert {path.suffix for path in named} == {".jpg", ".png", ".webp"}


def test_pictures_are_rgb_and_as_large_as_the_scale_says(manifest: Path) -> None:
    for row in rows_of(manifest):
        with Image.open(manifest.parent / row["image"]) as picture:
            assert (picture.mode, picture.size) == ("RGB", (80, 80))


def test_offers_are_plausible(manifest: Path) -> None:
    for row in rows_of(manifest):
        low, high = KINDS[row["kind"]].price
        assert low <= float(row["price"]) <= high + 1
        assert 1 <= float(row["rating"]) <= 5
        assert row["in_stock"] == ("true" if int(row["stock"]) else "false")


def test_progress_counts_every_product(tmp_path: Path) -> None:
    seen: list[int] = []
    generate(tmp_path, seed=1, products=5, scale=0.1, on_progress=seen.append)
    assert seen == [1, 2, 3, 4, 5]


def test_a_combination_is_held_out_by_its_words_alone() -> None:
    every = list(combinations())
    assert len(every) == len(set(every)) == len(KINDS) * len(COLOURS) * len(PATTERNS)
    assert 0.12 < sum(one.split == "heldout" for one in every) / len(every) < 0.18
    # Pinned: a change here would put combinations a trained model has seen among those it is measured on.
    striped_mugs = [colour for colour in COLOURS if Combination("mug", colour, "striped").split == "heldout"]
    assert striped_mugs == ["red", "green", "teal", "blue"]


@pytest.mark.parametrize("seed", range(6))
def test_every_kind_colour_and_pattern_is_in_both_splits(seed: int) -> None:
    dealt = assortment(720, Random(seed))
    assert len(dealt) == 720
    for split in ("train", "heldout"):
        side = [one for one in dealt if one.split == split]
        assert {one.kind for one in side} == set(KINDS)
        assert {one.colour for one in side} == set(COLOURS)
        assert {one.pattern for one in side} == set(PATTERNS)
    assert 0.12 < sum(one.split == "heldout" for one in dealt) / 720 < 0.18


def test_no_title_names_another_colour_pattern_or_kind(titled: list[tuple[str, str, str, str, str]]) -> None:
    pattern_words = {name: PATTERN_ADJECTIVES[name] + PATTERN_PHRASES[name] for name in PATTERNS}
    for kind, _style, colour, pattern, title in titled:
        for mine, vocabulary in ((colour, COLOUR_WORDS), (pattern, pattern_words), (kind, KIND_WORDS)):
            own = sorted(vocabulary[mine], key=len, reverse=True)
            rest = re.sub("|".join(re.escape(one.lower()) for one in own), " ", title)
            for other, words in vocabulary.items():
                assert other == mine or not says(rest, words), (title, other)


def test_most_titles_name_kind_colour_and_pattern(titled: list[tuple[str, str, str, str, str]]) -> None:
    for kind, _style, _colour, _pattern, title in titled:
        assert says(title, (*KIND_WORDS[kind], *STYLE_NOUNS)), title
    complete = sum(
        says(title, COLOUR_WORDS[colour]) and says(title, PATTERN_ADJECTIVES[pattern] + PATTERN_PHRASES[pattern])
        for _kind, _style, colour, pattern, title in titled
    )
    assert complete / len(titled) > 0.85
    assert len({title for *_, title in titled}) > 0.85 * len(titled)


def test_every_style_has_its_words() -> None:
    assert set(STYLE_SENTENCES) == {(kind.name, style) for kind in KINDS.values() for style in kind.styles}
    assert set(KIND_WORDS) == set(KINDS)
    assert len(KINDS) >= 14
    assert all(len(kind.styles) >= 3 for kind in KINDS.values())


@pytest.mark.parametrize("colour", COLOURS)
def test_a_plain_product_shows_its_colour(colour: str) -> None:
    random = Random(3)
    drawing = KINDS["cushion"].drawing("tasselled")
    picture = render(drawing, looks_for(colour, "plain", random), random, size=80, stands=False, flips=False)
    shown = np.asarray(picture, dtype=np.float32)[36:44, 36:44].mean((0, 1))
    distance = {name: np.linalg.norm(shade_of(name, Random(0)) - shown) for name in COLOURS}
    assert min(distance, key=distance.__getitem__) == colour


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_leaves_most_of_the_fabric_in_the_products_colour(pattern: str) -> None:
    x, y = np.meshgrid(*[np.linspace(0, 100, 160, dtype=np.float32)] * 2)
    for seed in range(20):
        printed = coverage(pattern, weave_for(pattern, Random(seed)), x, y, turn=0, pixels=1.6)
        assert printed.min() >= 0
        assert printed.max() <= 1
        assert (printed.mean() == 0) if pattern == "plain" else (0.1 < printed.mean() < 0.5)


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_every_style_is_drawn_within_the_picture_and_unlike_the_others(kind: Kind) -> None:
    drawn = []
    for style in kind.styles:
        drawing = kind.drawing(style)
        corners = np.concatenate([part.outline for part in drawing])
        assert corners.min() > 5
        assert corners.max() < 95
        looks = looks_for("red", "plain", Random(1))
        drawn.append(render(drawing, looks, Random(2), size=64, stands=kind.stands, flips=False).tobytes())
    assert len(set(drawn)) == len(kind.styles)
