"""What `vitrine tune` says and draws of what a service told."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from PIL import Image

from app.cli.tuning import command, wait
from app.cli.tuning.changes import event_words
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
TAKEN = {"search_params": {"nprobe": 16}, "over_fetch": 2}
CHANGES = [
    {"share": 1.0, "before": TAKEN, "now": {**TAKEN, "over_fetch": 1}},
    {"share": 0.05, "before": None, "now": TAKEN},
]
TUNED = {
    "recall": 0.95,
    "depth": 100,
    "reached": False,
    "bands": [WHOLE, BAND],
    "compared": [],
    "changes": CHANGES,
}
INDEX = {"index": "IVF_FLAT", "params": {"nlist": 128, "nprobe": 16}}
ID = "b" * 32
LEFT_OUT = [{"share": 0.005, "reason": "few pass"}]


class Told:
    """A service whose build is tuned once it has told of each of `meanwhile`."""

    def __init__(self, what: str, told: dict[str, Any], meanwhile: Sequence[dict[str, Any]]) -> None:
        self.posted = 0
        self.asked: Any = None
        self._meanwhile = [{}, *meanwhile]
        self._last = {"what": what, "told": told, "at": "2026-11-22T10:00:00+00:00"}

    def get(self, path: str) -> dict[str, Any]:
        if not path.endswith(ID):
            return {"build": {"id": ID}}
        document = {"events": [{"what": "tuning", "told": {}}], "takes_uploads": True}
        if self._meanwhile:
            return document | self._meanwhile.pop(0)
        events = [*document["events"], self._last]
        return document | INDEX | {"events": events, "tuned": {**TUNED, "left_out": LEFT_OUT}}

    def post(self, path: str, document: Any) -> None:
        self.posted += 1
        self.asked = document
        assert path == f"/v1/catalogs/default/builds/{ID}:tune"


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
    service = answer(monkeypatch, "tuned")
    with pytest.raises(SystemExit) as ended:
        command.tune(png=tmp_path / "curve.png")
    assert ended.value.code == 1
    assert service.asked == {"recall": 0.95, "compare": [], "dry_run": False}
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
        "choosing filters to measure with, among the attributes of the products",
        "waiting: 9 rows [indexing]",
        "3 to be measured yet",
        "IVF_PQ: passed over: not here; 2 to be measured yet",
        "no filter: nprobe 128 and over-fetch 2 find 1.000 of the best products; 1 to be measured yet",
    ]


def test_a_build_tells_how_far_it_is_tuned_and_what_was_found_before() -> None:
    tuning = {"parts_left": 3, "bands": [], "left_out": [], "compared": []}
    found = {"nprobe": 128, "over-fetch": 2, "recall": 1.0}
    told = {"tuning": tuning, "tuned": {**TUNED, "bands": [WHOLE]}}
    assert list(tuning_rows(told)) == [("tuning", "3 to be measured yet"), ("tuned: no filter", found)]


def test_what_a_filter_gets_is_said_as_it_is_searched() -> None:
    def stored(*bands: dict[str, Any]) -> str:
        told = {**TUNED, "reached": True, "build": "b", "stored": True, "left_out": [], "bands": list(bands)}
        return next(verdict(told, "vitrine tune"))

    assert stored(WHOLE, {**BAND, "over_fetch": 5}).endswith("nprobe 128 and over-fetch 5 with one.")
    assert stored(WHOLE).endswith("with one no less, nor less than it was started with.")


def test_where_no_band_could_be_measured_that_is_said() -> None:
    told = {**TUNED, "reached": False, "build": "b", "stored": False, "bands": [], "left_out": LEFT_OUT}
    told["nothing"] = "no band could be measured"
    left_out, unmeasured = verdict(told, "vitrine tune")
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
    shown = verdict({**TUNED, "build": "b", "stored": True, "left_out": []}, "vitrine tune")
    told = [line for line in shown if "out of reach" in line]
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


def test_what_a_dry_run_would_change_is_told_and_that_it_is_not_stored(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = {**TUNED, "reached": True, "bands": [{**WHOLE, "recall": 1.0}], "left_out": []}
    service = answer(monkeypatch, "measured", **found)
    command.tune(dry_run=True, recall=0.9)
    assert service.asked == {"recall": 0.9, "compare": [], "dry_run": True}
    told = capsys.readouterr().out
    assert "Not stored: " in told and "Stored with" not in told
    assert f"`vitrine tune {ID[:8]}` measures anew" in told
    assert "no filter: nprobe 16 and over-fetch 2 → nprobe 16 and over-fetch 1" in told
    assert "a filter that passes 5.0%: not measured → nprobe 16 and over-fetch 2" in told
    for column in ("passes", "search with", "over-fetch", "recall", "ms"):
        assert f"{column}: " in told
    service = answer(monkeypatch, "measured", **found)
    command.tune(dry_run=True, json=True)
    document = orjson.loads(capsys.readouterr().out)
    assert (document["stored"], document["changes"]) == (False, CHANGES)


def test_the_event_of_a_tuning_is_told_band_by_band_and_an_older_one_as_it_stands() -> None:
    told = event_words({**TUNED, "changes": CHANGES})
    assert told == (
        "recall 0.95, reached false; no filter: nprobe 16 and over-fetch 2 → nprobe 16 and over-fetch 1; "
        "a filter that passes 5.0%: not measured → nprobe 16 and over-fetch 2"
    )
    same = [{"share": 1.0, "before": TAKEN, "now": TAKEN}]
    assert event_words({"changes": same}) == "no filter: nprobe 16 and over-fetch 2, as before"
    assert event_words({"recall": 0.95, "compare": [], "dry_run": True}) == "recall 0.95, dry_run true"
    assert event_words({"recall": 0.95, "reached": True, "bands": 4}) == "recall 0.95, reached true, bands 4"


class Untuned:
    """A service that puts a build back."""

    def __init__(self, *changes: dict[str, Any]) -> None:
        self._before: list[dict[str, Any]] = [{"what": "untuned", "told": {"changes": CHANGES}}]
        self._events = [{"what": "untuned", "told": {"changes": list(changes)}}] if changes else []

    def get(self, path: str) -> dict[str, Any]:
        return {"events": self._before} if path.endswith(ID) else {"build": {"id": ID}}

    def post(self, path: str) -> dict[str, Any]:
        assert path == f"/v1/catalogs/default/builds/{ID}:untune"
        return {"id": ID, "events": [*self._before, *self._events]}


def reset_by(service: Untuned, patch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def connect(*_: Any, **__: Any) -> Iterator[Untuned]:
        yield service

    patch.setattr(command, "connect", connect)
    command.tune(back=True)


def test_what_going_back_changes_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    reset_by(Untuned(CHANGES[0]), monkeypatch)
    told = capsys.readouterr().out
    assert "searched as it was made, from the next query on" in told
    assert "no filter: nprobe 16 and over-fetch 2 → nprobe 16 and over-fetch 1" in told
    reset_by(Untuned(), monkeypatch)
    assert "Nothing of build" in capsys.readouterr().out


def test_going_back_goes_with_nothing_that_measures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for asked in ({"recall": 0.9}, {"compare": ["FLAT"]}, {"png": tmp_path / "curve.png"}, {"dry_run": True}):
        with pytest.raises(Invalid, match="--reset") as raised:
            command.tune(back=True, **asked)
        assert raised.value.code == "usage"


def test_who_waits_while_somebody_goes_back_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, "untuned", changes=CHANGES)
    with pytest.raises(Unavailable, match="put back"):
        command.tune()
