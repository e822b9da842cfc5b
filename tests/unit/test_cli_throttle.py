"""`vitrine builds throttle`: a bound is changed only where one is stated."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from app.cli.builds import throttle as command
from app.domain.errors import Invalid

BUILD = "b" * 32


class Building:
    """A service with one build that is filled."""

    def __init__(self, rate: float | None, state: str, *, dry_run: bool) -> None:
        self.told: dict[str, Any] = {"id": BUILD, "state": state, "takes_uploads": True}
        if dry_run:
            self.told["dry_run"] = True
        self.posted: list[Any] = []
        self._set(rate)

    def _set(self, rate: float | None) -> None:
        self.told = {name: value for name, value in self.told.items() if name != "rate"}
        if rate is not None:
            self.told["rate"] = rate

    def get(self, path: str) -> dict[str, Any]:
        assert path == f"/v1/catalogs/toys/builds/{BUILD}"
        return self.told

    def post(self, path: str, document: Any) -> dict[str, Any]:
        assert path == f"/v1/catalogs/toys/builds/{BUILD}:throttle"
        self.posted.append(document)
        self._set(document["rate"])
        return self.told


def test_a_dry_run_is_not_said_to_be_filled(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    throttled(monkeypatch, had=None, dry_run=True)
    assert capsys.readouterr().out.split() == f"Build {BUILD} is a dry run: it is not being filled.".split()


def throttled(
    monkeypatch: pytest.MonkeyPatch,
    *,
    had: float | None = 50.0,
    state: str = "building",
    dry_run: bool = False,
    **stated: Any,
) -> Building:
    service = Building(had, state, dry_run=dry_run)

    @contextmanager
    def connect(*_: Any, **__: Any) -> Iterator[Building]:
        yield service

    monkeypatch.setattr(command, "connect", connect)
    command.throttle(BUILD, catalog="toys", **stated)
    return service


@pytest.mark.parametrize(
    ("had", "state", "told"),
    [
        (50.0, "building", "at most 50 products a second"),
        (0.0, "building", "paused"),
        (None, "building", "as fast as it can"),
        (50.0, "ready", "is ready"),
    ],
)
def test_without_a_bound_stated_the_one_that_holds_is_told_and_stays(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], had: float | None, state: str, told: str
) -> None:
    service = throttled(monkeypatch, had=had, state=state)
    assert service.posted == []
    shown = capsys.readouterr().out
    assert told in shown
    assert "bbbbbbbb" in shown


@pytest.mark.parametrize(
    ("stated", "rate", "told"),
    [
        ({"rate": 20.0}, 20.0, "at most 20 products a second"),
        ({"rate": 0.0}, 0.0, "paused"),
        ({"unbounded": True}, None, "as fast as it can"),
    ],
)
def test_a_bound_is_set_and_taken_away_by_a_word_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    stated: dict[str, Any],
    rate: float | None,
    told: str,
) -> None:
    service = throttled(monkeypatch, **stated)
    assert service.posted == [{"rate": rate}]
    assert told in capsys.readouterr().out


def test_a_bound_and_none_do_not_go_together(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Invalid, match="unbounded"):
        throttled(monkeypatch, rate=1.0, unbounded=True)
