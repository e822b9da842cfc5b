"""What `vitrine tune` says and draws of what a service told."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import orjson
import pytest
from PIL import Image
from rich.console import Console

from app.cli.tuning import command, wait
from app.cli.tuning.changes import event_words
from app.cli.tuning.shown import so_far, tables, tuning_rows, verdict
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


SKIPPED = {"share": 0.05, "filter": {"price": {"lte": 6}}, "reason": "most that passes it is on its way"}
KEPT = {"share": 0.05, "before": TAKEN, "now": TAKEN, "kept": True}


def test_a_band_that_is_kept_is_told_as_such_and_by_one_share() -> None:
    told = {**TUNED, "build": "b", "stored": True, "bands": [{**WHOLE, "search_params": {"nprobe": 4}}]}
    lines = list(verdict({**told, "left_out": [SKIPPED], "changes": [CHANGES[0], KEPT]}, "vitrine tune"))
    assert lines[0] == "left out: a filter that passes 5.0% (price lte 6): most that passes it is on its way"
    assert "nprobe 4 and over-fetch 2 without a filter, nprobe 16 and over-fetch 2 with one." in lines[1]
    told_kept = "nprobe 16 and over-fetch 2, kept, not measured this time"
    assert lines[4] == f"  a filter that passes 5.0%: {told_kept}"
    rows = dict(tuning_rows({"tuned": {**told, "changes": [KEPT]}}))
    assert rows["tuned: a filter that passes 5.0%"] == told_kept


def test_a_band_that_is_skipped_has_a_line_of_its_own_on_the_way() -> None:
    left_out = [{"share": 0.005, "reason": "no filter"}, SKIPPED]
    tuning = {"parts_left": 1, "bands": [WHOLE, {**BAND, "share": 0.5}], "left_out": left_out, "compared": []}
    assert so_far(tuning) == (
        "left out: a filter that passes 5.0% (price lte 6): most that passes it is on its way; 1 to be measured yet"
    )
    assert so_far({**tuning, "left_out": left_out[:1]}).startswith("a filter that passes 50.0%: nprobe 64")
    after = {**tuning, "bands": [*tuning["bands"], {**BAND, "share": 0.006}]}
    assert so_far(after).startswith("a filter that passes 0.6%: nprobe 64")


def test_why_a_build_was_not_tuned_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, "not tuned", code="attempt_failed", detail="the log says more")
    with pytest.raises(Unavailable, match="the log says more"):
        command.tune()


def test_a_tuned_build_shows_what_searches_use() -> None:
    unfiltered, filtered = ({"search_params": {"ef": value}, "over_fetch": value // 100} for value in (100, 304))
    document = {"searched": {"unfiltered": unfiltered, "filtered": filtered}}
    assert dict(tuning_rows(document))["searches use"] == (
        "ef 100 and over-fetch 1 without a filter, ef 304 and over-fetch 3 with one, as tuning found"
    )


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


def test_a_comparison_is_not_drawn_and_that_leads_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    service = answer(monkeypatch, "measured")
    with pytest.raises(Invalid, match=r"`vitrine tune --dry-run --png FILE`.*`--compare TYPE --json`") as raised:
        command.tune(compare=["HNSW"], png=tmp_path / "curve.png")
    assert (raised.value.code, service.posted) == ("usage", 0)
    assert list(tmp_path.iterdir()) == []


def shown(told: dict[str, Any]) -> list[str]:
    """What stands under a tuning as lines."""
    console = Console(width=240, file=StringIO())
    for part in tables(told):
        console.print(part)
    return console.file.getvalue().splitlines()


def test_compared_types_tell_their_parameters_and_which_is_that_of_the_build_and_how_to_change_over(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def compared(name: str, **params: int) -> dict[str, Any]:
        found = {"rows": 9, "build_seconds": 1.0, "bytes": 9, "search_params": {"x": 7}, "recall": 1.0, "ms": 1.0}
        return {"index": name, "params": params, **found, "reached": True}

    types = [compared("HNSW", M=16, efConstruction=200), compared("IVF_FLAT", nlist=128)]
    told = {**INDEX, **TUNED, "bands": [], "compared": types}
    lines = shown(told)
    (graph,), (lists,) = ([line for line in lines if name in line] for name in ("HNSW", "IVF_FLAT"))
    assert "M 16, efConstruction 200" in graph and "build" not in graph
    assert "IVF_FLAT, as this build" in lists and "nlist 128" in lists
    (other,) = (line for line in shown({**told, "params": {"nlist": 1, "nprobe": 1}}) if "IVF_FLAT" in line)
    assert "IVF_FLAT, which this build has with nlist 1" in other
    assert "note" not in lines[1]  # nothing would stand in it
    passed = {"index": "IVF_PQ", "params": {"nlist": 128}, "rows": 0, "passed_over": "not here"}
    noted = shown({**told, "compared": [*types, passed]})
    assert "note" in noted[1] and any("passed over: not here" in line for line in noted)

    exact = {**TUNED, "bands": [], "compared": types, "left_out": [], "changes": [], "nothing": "it is exact"}
    answer(monkeypatch, "measured", **{**exact, "reached": True})
    command.tune(compare=["HNSW", "IVF_FLAT"])
    *_, nothing, last = capsys.readouterr().out.splitlines()
    assert nothing == "Nothing is tuned: it is exact."
    assert last == (
        "Nothing is changed: `vitrine builds start --index TYPE` begins a build with one of these beside "
        "the live one."
    )
    (only,) = verdict({**exact, "compared": [passed]}, "vitrine tune")
    assert only == nothing


def test_what_over_fetch_is_stands_under_the_table_and_beside_what_searches_use() -> None:
    assert any(
        "over-fetch: how many pictures a search asks for to get one product, for a product may have several; fewer "
        "is cheaper" in line
        for line in tables({**TUNED, "left_out": []})
        if isinstance(line, str)
    )


def test_who_waits_while_somebody_goes_back_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, "untuned", changes=CHANGES)
    with pytest.raises(Unavailable, match="put back"):
        command.tune()
