"""What a person is shown of builds."""

from io import StringIO
from typing import Any

import pytest
from rich.console import Console
from rich.table import Table

from app.cli.builds.named import build_path
from app.cli.builds.shown import build_table, estimate_table, next_step
from app.domain.errors import Invalid

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


def shown(table: Table) -> str:
    console = Console(width=200, file=StringIO(), record=True)
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
        build_table({"id": "b", "takes_uploads": True, "estimate": ESTIMATE})
    )


def test_what_may_be_done_next_names_the_catalog_it_is_done_in() -> None:
    ready = {"id": "b1", "state": "ready", "report": {"passed": True}}
    assert next_step(ready, "default") == ["`vitrine builds promote b1` makes it the live one."]
    assert next_step(ready, "toys") == ["`vitrine builds promote b1 --catalog toys` makes it the live one."]
    (failed,) = next_step({**ready, "report": {"passed": False}}, "toys")
    assert "abort b1 --catalog toys" in failed
    assert next_step({**ready, "state": "live"}, "toys") == []


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
