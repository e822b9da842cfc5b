"""What `vitrine tune` says and draws of what a service told."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from PIL import Image

from app.cli.tuning import command, wait
from app.cli.tuning.shown import tuning_rows, verdict
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
ID = "b" * 32
LEFT_OUT = [{"share": 0.005, "reason": "few pass"}]


class Told:
    """A service whose build is tuned once it has told of each of `meanwhile`."""

    def __init__(self, what: str, told: dict[str, Any], meanwhile: Sequence[dict[str, Any]]) -> None:
        self.posted = 0
        self._meanwhile = [{}, *meanwhile]
        self._last = {"what": what, "told": told}

    def get(self, path: str) -> dict[str, Any]:
        if not path.endswith(ID):
            return {"build": {"id": ID}}
        document = {"events": [{"what": "tuning", "told": {}}], "takes_uploads": True}
        if self._meanwhile:
            return document | self._meanwhile.pop(0)
        events = [*document["events"], self._last]
        return document | {"events": events, "tuned": {**TUNED, "left_out": LEFT_OUT}}

    def post(self, path: str, document: Any) -> None:
        self.posted += 1
        assert (path, document) == (f"/v1/catalogs/default/builds/{ID}:tune", {"recall": 0.95, "compare": []})


def answer(patch: pytest.MonkeyPatch, what: str, meanwhile: Sequence[dict[str, Any]] = (), **told: Any) -> Told:
    service = Told(what, told, meanwhile)

    @contextmanager
    def connect(*_: Any, **__: Any) -> Iterator[Told]:
        yield service

    patch.setattr(command, "connect", connect)
    patch.setattr(wait, "_EVERY_S", 0.0)
    return service


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


def test_a_curve_that_cannot_be_written_is_said_before_anything_is_measured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    service = answer(monkeypatch, "not tuned", code="attempt_failed", detail="the log says more")
    with pytest.raises(Invalid, match="no folder"):
        command.tune(png=tmp_path / "none" / "curve.png")
    with pytest.raises(Invalid, match="cannot be written"):
        command.tune(png=tmp_path)
    assert service.posted == 0
    with pytest.raises(Unavailable):
        command.tune(png=tmp_path / "curve.png")
    assert list(tmp_path.iterdir()) == []  # nothing stays of looking whether it can be written


def test_a_curve_that_is_lost_after_all_hides_nothing_of_what_was_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    answer(monkeypatch, "tuned")
    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(SystemExit) as ended:
        command.tune(png=tmp_path / "curve.png", json=True)
    assert ended.value.code == 1
    told = capsys.readouterr()
    assert orjson.loads(told.out)["bands"] == [WHOLE, BAND]
    assert "No space left on device" in told.err


def test_how_far_it_is_and_what_it_waits_for_are_said_once_beside_the_result(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = {"bands": [], "left_out": [], "compared": []}
    passed = {"index": "IVF_PQ", "passed_over": "not here"}
    meanwhile = [
        {"tuning": {**found, "parts_left": None}},
        {"tuning": {**found, "parts_left": None}, "waiting": {"code": "outage", "detail": "it is reconciled later"}},
        *[
            {"tuning": {**found, "parts_left": None, "waiting": {"code": "indexing", "detail": f"{rows} rows"}}}
            for rows in (9, 8, 7)
        ],
        {"tuning": {**found, "parts_left": 3}},
        {"tuning": {**found, "parts_left": 2, "compared": [passed]}},
        *[{"tuning": {**found, "parts_left": 1, "bands": [WHOLE]}}] * 3,
    ]
    answer(monkeypatch, "tuned", meanwhile)
    with pytest.raises(SystemExit):
        command.tune(json=True)
    told = capsys.readouterr()
    assert orjson.loads(told.out)["build"] == ID
    assert [line for line in told.err.splitlines() if line] == [
        "what is to be measured is not chosen yet",
        "waiting: 9 rows [indexing]",
        "parts left: 3",
        "IVF_PQ: passed over: not here; parts left: 2",
        "100.0% pass: nprobe 128 and over-fetch 2, recall 1.000; parts left: 1",
    ]


def test_a_build_tells_how_far_it_is_tuned_and_what_was_found_before() -> None:
    tuning = {"parts_left": 3, "bands": [], "left_out": [], "compared": []}
    found = {"nprobe": 128, "over-fetch": 2, "recall": 1.0}
    told = {"tuning": tuning, "tuned": {**TUNED, "bands": [WHOLE]}}
    assert list(tuning_rows(told)) == [("tuning", "parts left: 3"), ("tuned: 100.0% pass", found)]


def test_what_a_filter_gets_is_said_as_it_is_searched() -> None:
    def stored(*bands: dict[str, Any]) -> str:
        return next(verdict({**TUNED, "reached": True, "build": "b", "left_out": [], "bands": list(bands)}))

    assert stored(WHOLE, {**BAND, "over_fetch": 5}).endswith("nprobe 128 and over-fetch 5 with one.")
    assert stored(WHOLE).endswith("with one no less, nor less than it was started with.")


def test_where_no_band_could_be_measured_that_is_said() -> None:
    told = {**TUNED, "reached": False, "build": "b", "bands": [], "left_out": LEFT_OUT}
    left_out, unmeasured = verdict(told)
    assert left_out.endswith("few pass")
    assert "no band could be measured" in unmeasured


def test_why_a_build_was_not_tuned_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, "not tuned", code="attempt_failed", detail="the log says more")
    with pytest.raises(Unavailable, match="the log says more"):
        command.tune()


def test_a_tuned_build_shows_what_searches_use() -> None:
    document = {"searched": {"unfiltered": {"ef": 100}, "filtered": {"ef": 304}}}
    assert dict(tuning_rows(document))["searches use"] == "ef 100 without a filter, ef 304 with one, as tuning found"


def test_where_a_recall_is_out_of_reach_is_said_with_how_many_products_that_is() -> None:
    told = [line for line in verdict({**TUNED, "build": "b", "left_out": []}) if "out of reach" in line]
    assert len(told) == 1
    assert "with colour grün, price lte 3 (60 products):" in told[0]


def test_who_stops_waiting_is_told_that_the_work_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    service = answer(monkeypatch, "tuned")
    service.private = False

    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(wait.time, "sleep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        command.tune()
    assert "the work goes on in the service" in capsys.readouterr().err
