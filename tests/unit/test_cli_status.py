"""`vitrine status`: what it says of models that lie no longer where they did."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from app.cli import status as command

GONE = {"code": "encoder_not_found", "detail": "the encoder shoes-v1 cannot be found"}
EVICTED = {"code": "encoder_not_cached", "detail": "the encoder owner/shoes-v1 cannot be found"}
CHANGED = {"code": "fingerprint_mismatch", "detail": "the model shoes-v1 is another"}


class Service:
    """A well service with one catalog and these builds."""

    def __init__(self, builds: list[dict[str, Any]]) -> None:
        self._builds = builds

    def get(self, path: str, **parameters: Any) -> dict[str, Any]:
        if path == "/health/ready":
            return {"status": "ok", "parts": {"database": {"status": "ok"}}}
        if path == "/v1/catalogs/toys/builds":
            assert parameters == {"check_encoders": True}
            return {"builds": self._builds}
        assert path == "/v1/catalogs/toys"
        return {"name": "toys", "products": 3, "uploads": {}, "attributes": {}}


def told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], **build: Any) -> tuple[int, str]:
    """How the command ends with one build, and what it says."""

    @contextmanager
    def connect(*_: Any, **__: Any) -> Iterator[Service]:
        common = {"id": "b" * 32, "indexed": 3, "encoder": "shoes-v1", "takes_uploads": True}
        yield Service([{**common, **build}])

    monkeypatch.setattr(command, "connect", connect)
    try:
        command.status("toys")
        ended = 0
    except SystemExit as end:
        ended = int(str(end.code))
    return ended, " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("build", "parts"),
    [
        (
            {"state": "retired", "encoder_fault": GONE},
            ("retired, kept", "cannot be found", "`vitrine builds retire bbbbbbbb --catalog toys`"),
        ),
        (
            {"state": "retired", "encoder_fault": CHANGED},
            ("retired, kept", "is another than it was made with", "retire bbbbbbbb"),
        ),
        (
            {"state": "live", "encoder_fault": GONE},
            ("live", "cannot be found", "`vitrine builds start --encoder MODEL --catalog toys`"),
        ),
        (
            {"state": "live", "encoder_fault": EVICTED},
            ("no longer whole in this machine's cache of the hub", "can answer unless the hub gives it anew"),
        ),
        ({"state": "ready", "encoder_fault": GONE}, ("ready", "`vitrine builds abort bbbbbbbb --catalog toys`")),
    ],
)
def test_a_model_that_is_gone_is_told_with_what_repairs_it(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    build: dict[str, Any],
    parts: tuple[str, ...],
) -> None:
    ended, said = told(monkeypatch, capsys, **build)
    assert ended == 1
    for part in (*parts, "shoes-v1", "put it back"):
        assert part in said
    assert "Everything is well" not in said


def test_a_model_that_is_still_to_be_fetched_is_told_and_no_fault(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ended, said = told(monkeypatch, capsys, state="retired", encoder_to_fetch=True)
    assert ended == 0
    for part in ("shoes-v1", "bbbbbbbb (retired, kept)", "whoever opens it first fetches it", "Everything is well"):
        assert part in said


def test_with_every_model_in_its_place_everything_is_well(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ended, said = told(monkeypatch, capsys, state="retired")
    assert (ended, "Everything is well" in said) == (0, True)
