"""What a person is shown of builds."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

import pytest
from rich.console import Console
from rich.table import Table

from app.cli.builds.listed import build_list
from app.cli.builds.named import build_path
from app.cli.builds.next_step import let_go, next_step
from app.cli.builds.shown import build_table, estimate_table
from app.cli.builds.start import index_params, start
from app.domain.errors import Invalid
from app.domain.verdicts import INDEX_RECALL

ESTIMATE: dict[str, Any] = {
    "products": 7_597,
    "pictures": 7_494,
    "captions": 5_726,
    "stored": 20,
    "pictures_to_encode": 7_480,
    "captions_to_encode": 5_720,
    "sampled": {"pictures": 96, "captions": 64, "rows": 2_200},
    "encoding_seconds": 15.5,
    "writing_seconds": 4.0,
    "seconds": 19.5,
    "memory_bytes": 117_657_754,
    "disk_bytes": 34_455_410,
    "database_bytes": 19_446_540,
}


def shown(table: Table, *, width: int = 200) -> str:
    console = Console(width=width, file=StringIO(), record=True)
    console.print(table)
    return console.export_text()


def test_an_estimate_is_shown_with_what_it_was_measured_on() -> None:
    told = shown(estimate_table(ESTIMATE))
    for part in ("7,597", "20 of 13,220", "7,480 pictures, 5,720 captions", "19.5 s", "117.7 MB", "2200 rows"):
        assert part in told
    assert "free" not in told and "NOT ENOUGH" not in told
    short = shown(estimate_table({**ESTIMATE, "free_bytes": 1_000_000, "fits": False}))
    assert "1.0 MB are free" in short and "NOT ENOUGH" in short


def test_a_build_is_shown_with_its_estimate() -> None:
    assert "19.5 s, 117.7 MB of memory, 34.5 MB of disk" in shown(
        build_table({"id": "b", "state": "building", "takes_uploads": True, "estimate": ESTIMATE})
    )


def test_what_may_be_done_next_names_the_catalog_it_is_done_in() -> None:
    ready = {"id": "b1", "state": "ready", "report": {"passed": True}}
    assert next_step(ready, "default") == ["`vitrine builds promote b1` makes it the live one."]
    assert next_step(ready, "toys") == ["`vitrine builds promote b1 --catalog toys` makes it the live one."]
    (failed,) = next_step({**ready, "report": failing("rows missing in the store")}, "toys")
    for part in ("abort b1 --catalog toys", "only", "promote b1 --catalog toys --force --reason WHY"):
        assert part in failed
    assert next_step({**ready, "state": "live"}, "toys") == []


def failing(name: str) -> dict[str, Any]:
    return {"passed": False, "checks": [{"name": name, "measured": 0.5, "passed": False}]}


@pytest.mark.parametrize(
    ("name", "index", "more", "helps"),
    [
        (INDEX_RECALL, ("HNSW", {"M": 16, "efConstruction": 200, "ef": 128}), {}, True),
        (INDEX_RECALL, ("IVF_FLAT", {"nlist": 64, "nprobe": 2}), {"tuned": {"reached": True}}, True),
        (INDEX_RECALL, ("IVF_FLAT", {"nlist": 64, "nprobe": 2}), {"tuned": {"reached": False}}, False),
        (INDEX_RECALL, ("IVF_FLAT", {"nlist": 1, "nprobe": 1}), {}, False),
        (INDEX_RECALL, ("FLAT", {}), {}, False),
        ("rows missing in the store", ("HNSW", {"M": 16, "efConstruction": 200, "ef": 128}), {}, False),
    ],
)
def test_tuning_is_pointed_to_where_it_could_mend_what_the_check_found(
    name: str, index: tuple[str, dict[str, int]], more: dict[str, Any], helps: bool
) -> None:
    told = {"id": "b1", "state": "ready", "index": index[0], "params": index[1], "report": failing(name), **more}
    pointed = [line for line in next_step(told, "toys") if "vitrine tune b1 --catalog toys" in line]
    assert len(pointed) == helps


def test_a_build_that_is_kept_is_not_told_of_as_if_it_were_gone() -> None:
    kept = {"id": "b1", "state": "retired", "takes_uploads": True}
    assert "retired, kept for a rollback" in shown(build_table(kept))
    (line,) = next_step(kept, "toys")
    for part in ("promote b1 --catalog toys`", "rollback", "until", "retire b1 --catalog toys"):
        assert part in line
    (forced,) = next_step({**kept, "report": {"passed": False, "checks": []}}, "default")
    assert "promote b1 --force --reason WHY`" in forced
    gone = {**kept, "takes_uploads": False}
    assert "retired, no longer kept" in shown(build_table(gone))
    assert next_step(gone, "toys") == []


def test_who_promotes_is_told_which_build_is_let_go_of_by_it() -> None:
    def promoted(**told: Any) -> dict[str, Any]:
        return {"events": [{"what": "ready", "told": {}}, {"what": "promoted", "told": told}]}

    assert let_go(promoted(let_go=["a" * 32])) == [
        f"Build {'a' * 32} is no longer kept by that: there is no rolling back to it any more."
    ]
    assert let_go(promoted()) == []
    assert let_go({"events": [*promoted(let_go=["a"])["events"], {"what": "retired", "told": {}}]}) == []


class Starting:
    """A service that begins builds."""

    private = False

    def post(self, path: str, document: Any) -> dict[str, Any]:
        assert path == "/v1/catalogs/default/builds"
        return {"id": "b" * 32}

    def get(self, path: str) -> dict[str, Any]:
        assert path.endswith("b" * 32)
        return {"id": "b" * 32, "state": "building", "takes_uploads": True}


@pytest.mark.parametrize(
    ("stated", "told"),
    [({}, 1), ({"rate": 5.0}, 1), ({"encoder": "m"}, 0), ({"index": "HNSW"}, 0), ({"param": ["nlist=9"]}, 0)],
)
def test_a_build_that_changes_nothing_is_said_to_be_as_the_live_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], stated: dict[str, Any], told: int
) -> None:
    @contextmanager
    def connect(*_: Any, **__: Any) -> Iterator[Starting]:
        yield Starting()

    monkeypatch.setattr("app.cli.builds.start.connect", connect)
    start(wait=False, **stated)
    said = capsys.readouterr().err
    assert said.count("the same encoder and index as the live build") == told


def test_a_list_tells_what_tells_builds_apart_in_118_columns() -> None:
    common = {
        "encoder": "laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
        "created_at": "2026-11-20T08:15:30.123456+00:00",
        "products": 1_234_567,
        "indexed": 1_234_567,
        "takes_uploads": True,
    }
    hnsw = {"index": "HNSW", "params": {"M": 16, "efConstruction": 200, "ef": 128}}
    passed = {"report": {"passed": True}}
    builds = [
        {"id": "d" * 32, "state": "building", "dry_run": True, **common, **hnsw, "takes_uploads": False},
        {"id": "c" * 32, "state": "ready", **common, **hnsw, "report": {"passed": False}},
        {
            **{"id": "b" * 32, "state": "live", **common, **passed, "live_at": "2026-11-21T23:59:00+00:00"},
            **{"index": "HNSW", "params": {"M": 32, "efConstruction": 200, "ef": 64}},
        },
        {
            **{"id": "a" * 32, "state": "retired", **common, "live_at": "2026-11-19T01:02:03+00:00"},
            **{"index": "IVF_FLAT", "params": {"nlist": 1, "nprobe": 1}, "retired_at": "2026-11-22T00:00:00+00:00"},
        },
    ]
    told = shown(build_list(builds), width=118)
    assert max(map(len, told.splitlines())) <= 118
    words = " ".join(told.replace("│", " ").replace("┃", " ").split())
    for part in ("dry run", "NOT PASSED", "passed", "M=32", "ef=64", "nlist=1", "retired, kept", "1,234,567"):
        assert part in words
    for moment in ("2026-11-20", "08:15", "2026-11-21", "23:59", "2026-11-22", "00:00"):
        assert moment in words
    assert "2026-11-19" not in words  # when one was live that no longer is
    assert "M=16" not in words
    assert "efConstruction" not in words


def test_a_value_that_is_no_parameter_is_told_why() -> None:
    assert index_params(["M=16", " nlist = 8 "]) == {"M": 16, "nlist": 8}
    for stated, why in (
        ("M=1.5", "a whole number"),
        ("M=1e3", "a whole number"),
        ("M", "NAME=NUMBER"),
        ("M=many", "NAME=NUMBER"),
        ("=3", "NAME=NUMBER"),
        ("=1.5", "NAME=NUMBER"),
        ("M=nan", "NAME=NUMBER"),
    ):
        with pytest.raises(Invalid, match=why):
            index_params([stated])
    assert index_params(["M=-1"]) == {"M": -1}  # the service says what it may be


class Listing:
    """A service that lists builds."""

    def get(self, path: str) -> dict[str, Any]:
        assert path == "/v1/catalogs/toys/builds"
        return {"builds": [{"id": "a1" + "0" * 30}, {"id": "a2" + "0" * 30}, {"id": "b" * 32}]}


def test_a_build_is_named_by_the_beginning_of_its_id() -> None:
    builds = "/v1/catalogs/toys/builds/"
    assert build_path(Listing(), "toys", "a2") == f"{builds}a2{'0' * 30}"
    assert build_path(Listing(), "toys", "b" * 32) == builds + "b" * 32
    assert build_path(Listing(), "toys", "c/d") == f"{builds}c%2Fd"  # the service says that there is none
    with pytest.raises(Invalid, match="2 builds begin with a"):
        build_path(Listing(), "toys", "a")
