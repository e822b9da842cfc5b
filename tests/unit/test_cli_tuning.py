"""What `vitrine tune` says and draws of what a service told."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from app.cli.tuning import command
from app.domain.errors import Invalid, Unavailable

POINTS = [{"value": value, "recall": value / 128, "ms": 2.5} for value in (1, 64, 128)]
BAND = {
    "share": 0.05,
    "filter": {"colour": "grün", "price": {"lte": 3}},
    "products": 60,
    "search_params": {"nprobe": 64},
    "over_fetch": 2,
    "recall": 0.5,
    "ms": 2.5,
    "reached": False,
    "points": POINTS,
}
WHOLE = {**BAND, "share": 1.0, "filter": None, "recall": 1.0, "search_params": {"nprobe": 128}, "reached": True}
TUNED = {"recall": 0.95, "depth": 100, "reached": False, "bands": [WHOLE, BAND], "compared": []}
LEFT_OUT = [{"share": 0.005, "reason": "few pass"}]


class Told:
    """A service whose build is tuned at the second look."""

    def __init__(self, what: str, told: dict[str, Any]) -> None:
        self.events = [{"what": "tuning", "told": {}}]
        self._last = {"what": what, "told": told}

    def get(self, path: str) -> dict[str, Any]:
        if not path.endswith("/b"):
            return {"build": {"id": "b"}}
        events, self.events = self.events, [*self.events, self._last]
        return {"events": events, "tuned": {**TUNED, "left_out": LEFT_OUT}, "takes_uploads": True}

    def post(self, path: str, document: Any) -> None:
        assert (path, document) == ("/v1/catalogs/default/builds/b:tune", {"recall": 0.95, "compare": []})


def answer(patch: pytest.MonkeyPatch, what: str, **told: Any) -> None:
    @contextmanager
    def connect(*_: Any, **__: Any) -> Iterator[Told]:
        yield Told(what, told)

    patch.setattr(command, "connect", connect)
    patch.setattr(command, "_EVERY_S", 0.0)


def test_a_recall_out_of_reach_is_told_and_ends_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    answer(monkeypatch, "tuned")
    with pytest.raises(SystemExit) as ended:
        command.tune(png=tmp_path / "curve.png")
    assert ended.value.code == 1
    told = capsys.readouterr().out
    for words in ("OUT OF REACH", "0.5%: few pass", "nprobe 128 and over-fetch 2 without a filter", "grün"):
        assert words in told
    with Image.open(tmp_path / "curve.png") as drawn:
        assert drawn.getextrema() != ((255, 255),) * 3


def test_a_curve_that_cannot_be_written_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    answer(monkeypatch, "tuned")
    with pytest.raises(Invalid, match="no folder"):
        command.tune(png=tmp_path / "none" / "curve.png")
    with pytest.raises(Invalid, match="cannot be written"):
        command.tune(png=tmp_path)


def test_why_a_build_was_not_tuned_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, "not tuned", code="attempt_failed", detail="the log says more")
    with pytest.raises(Unavailable, match="the log says more"):
        command.tune()
