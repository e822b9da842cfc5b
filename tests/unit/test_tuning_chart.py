"""The picture of a tuning: what its words say, and that all of it is on it."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageColor

from app.cli.tuning.chart import WIDTH, draw
from app.cli.tuning.ink import COLOURS, QUIET, cut, drawable, wrapped
from app.cli.tuning.legend import axis_title, legend, titles

WHOLE: dict[str, Any] = {
    "share": 1.0,
    "filter": None,
    "products": 1_000,
    "search_params": {"nprobe": 21},
    "over_fetch": 1,
    "recall": 0.952,
    "ms": 3.31,
    "reached": True,
    "points": [
        {"value": value, "recall": recall, "ms": 3.0} for value, recall in ((1, 0.4), (20, 0.94), (21, 0.952))
    ],
}
GREEN = {
    **WHOLE,
    "share": 0.052,
    "filter": {"colour": "Grün", "price": {"lte": 3}},
    "products": 52,
    "search_params": {"nprobe": 16},
    "recall": 1.0,
    "points": [{"value": value, "recall": 1.0, "ms": 3.0} for value in (16, 32)],
    "reason": "small",
}
TOLD: dict[str, Any] = {
    "build": "0123456789abcdef" * 2,
    "catalog": "toys",
    "index": "IVF_FLAT",
    "params": {"nlist": 64, "nprobe": 16},
    "at": "2026-11-22T10:00:00+00:00",
    "stored": True,
    "recall": 0.95,
    "depth": 100,
    "reached": True,
    "bands": [WHOLE, GREEN],
}


def test_the_titles_name_what_was_measured_and_of_what() -> None:
    title, under = titles(TOLD)
    assert title == "How deep a search looks: catalog toys"
    assert under == "build 01234567   |   index IVF_FLAT, nlist 64   |   2026-11-22"
    assert axis_title(TOLD) == "nprobe: lists that a search looks at, of 64 (logarithmic)"
    graph = {**TOLD, "index": "HNSW", "params": {"M": 16}, "bands": [{**WHOLE, "search_params": {"ef": 100}}]}
    assert axis_title(graph) == "ef: candidates that a search keeps (logarithmic)"


@pytest.mark.parametrize(("index", "params"), [("FLAT", {}), ("IVF_FLAT", {"nlist": 1, "nprobe": 1})])
def test_an_index_that_looks_at_every_row_is_called_exact(index: str, params: dict[str, int], tmp_path: Path) -> None:
    told = {**TOLD, "index": index, "params": params, "bands": [], "nothing": "it is exact"}
    assert "(exact)" in titles(told)[1]
    assert "nprobe" not in titles(told)[1]
    draw(told, tmp_path / "exact.png")


def test_the_legend_explains_every_mark() -> None:
    dashes, ring, whole, green = legend(TOLD)
    assert (dashes.mark, dashes.lines) == ("dashes", ["the recall that was asked for: 0.95"])
    assert (ring.mark, ring.lines) == ("ring", ["the value stored: the least that reaches this recall"])
    assert (whole.mark, green.mark) == COLOURS[:2]
    assert whole.lines == ["no filter: 100.0% of the products pass (1,000); nprobe 21 finds 0.952, 3.3 ms a search"]
    assert " ".join(green.lines) == (
        "filter colour Grun, price lte 3: 5.2% of the products pass (52); "
        "exact with every value tried (16 to 32), 3.3 ms a search, small: it stays at what the build was started with"
    )
    looked = {**TOLD, "stored": False, "reached": False, "bands": [{**WHOLE, "reached": False}]}
    _, ring, whole = legend(looked)
    assert "not stored" in ring.lines[0] and "0.01 of the best" in ring.lines[0]
    assert whole.lines[0].endswith("out of reach")


def test_letters_that_the_font_lacks_are_replaced_and_what_is_too_long_is_broken_or_cut() -> None:
    assert drawable("Grün éà 50 % “a”…") == "Grun ea 50 % “a”…"
    assert drawable("中") == "?"
    lines = list(wrapped("a filter that is stated at length " * 9, 14, 300))
    assert len(lines) > 3
    assert " ".join(lines).split() == ("a filter that is stated at length " * 9).split()
    assert all(cut(line, 14, 300) == line for line in lines)
    assert cut("x" * 500, 14, 300).endswith("x…")
    (alone,) = wrapped("x" * 500, 14, 300)
    assert alone == cut("x" * 500, 14, 300)


@pytest.mark.parametrize("recall", [0.01, 0.95, 1.0])
def test_nothing_is_cut_however_long_its_names_are(tmp_path: Path, recall: float) -> None:
    long = {**GREEN, "filter": {"colour": "very " * 90, "brand": "x" * 200}}
    told = {**TOLD, "catalog": "c" * 128, "recall": recall, "bands": [WHOLE, GREEN, long, long]}
    draw(told, tmp_path / "curve.png")
    with Image.open(tmp_path / "curve.png") as drawn:
        assert drawn.width == WIDTH
        for edge in (
            (0, 0, WIDTH, 8),
            (0, 0, 8, drawn.height),
            (WIDTH - 8, 0, WIDTH, drawn.height),
            (0, drawn.height - 8, WIDTH, drawn.height),
        ):
            assert drawn.crop(edge).getextrema() == ((255, 255),) * 3


def test_the_recall_that_was_asked_for_is_on_the_picture_however_much_better_all_values_are(tmp_path: Path) -> None:
    draw({**TOLD, "recall": 0.5, "bands": [GREEN]}, tmp_path / "curve.png")
    dashes = ImageColor.getrgb(QUIET)
    with Image.open(tmp_path / "curve.png") as drawn:
        curves = drawn.crop((100, 92, WIDTH - 30, 432))  # no words stand there
        colours = [colour for _, colour in curves.getcolors(curves.width * curves.height)]
    assert any(max(abs(one - other) for one, other in zip(colour, dashes, strict=True)) < 20 for colour in colours)
