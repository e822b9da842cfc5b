"""Searches first, as an application is wired: a search of the process makes its workers of builds rest."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app.domain.build_steps import Step, StepKind
from app.domain.uploads import Stage
from app.services import measure_searches, searches_first
from app.services.build_worker import BuildWorker
from tests.factories import a_picture
from tests.fakes.encoders import FakeEncoder
from tests.integration.shops import Shop, at_rest, inline


class Rests:
    """Which steps rest, and for whatever search; nobody waits for them."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.of: set[tuple[StepKind, Stage]] = set()
        self._step: tuple[StepKind, Stage] | None = None
        do = BuildWorker._do

        def noted(worker: BuildWorker, step: Step, pause: Callable[[], bool]) -> None:
            self._step = step.page.kind, step.stage
            do(worker, step, pause)

        patch.setattr(searches_first, "RECENT_S", 3_600)
        patch.setattr(searches_first, "time", self)
        patch.setattr(BuildWorker, "_do", noted)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, _: float) -> None:
        assert self._step is not None
        self.of.add(self._step)


def built(shop: Shop) -> str:
    asked = {"encoder": "other", "index": "IVF_FLAT", "params": {"nlist": 8}}
    started = shop.client.post("/v1/catalogs/shop/builds", json=asked)
    assert started.status_code == 202, started.text
    shop.build()
    build = f"/v1/catalogs/shop/builds/{started.json()['id']}"
    assert shop.client.get(build).json()["state"] == "ready"
    return build


def test_a_search_makes_those_who_encode_check_and_tune_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    others = [FakeEncoder("other", weights="1")]
    with at_rest(tmp_path, others=others) as shop:
        shop.declare("shop")
        for number, colour in enumerate(("red", "blue", "green")):
            shop.put("shop", f"p{number}", title=f"a {colour} mug", images=inline(a_picture(colour)))
        shop.work()
        judged = {"queries": [{"text": "something for tea", "products": {"p0": 3}}]}
        assert shop.client.put("/v1/catalogs/shop/queries/judged", json=judged).status_code == 200
        rests = Rests(monkeypatch)
        monkeypatch.setattr(measure_searches, "ROUNDS", 1)
        assert shop.search("shop", text="a red mug", limit=1) == ["p0"]
        build = built(shop)
        assert shop.client.post(f"{build}:tune", json={}).status_code == 202
        shop.build()
        told = shop.client.get(build).json()
        assert (told["events"][-1]["what"], len(told["tuned"]["bands"])) == ("tuned", 1)
    index, encode = Stage.INDEX, Stage.ENCODE
    assert rests.of == {
        *((StepKind.FILL, encode), (StepKind.CHECK, encode)),
        *((StepKind.CHECK, index), (StepKind.TUNE, index)),
    }
