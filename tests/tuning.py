"""Shops whose builds are tuned."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from app.domain.bands import Band
from app.domain.builds import Build
from app.domain.tuning import Tuning
from app.services.start_build import start_build
from app.services.start_tuning import start_tuning
from tests.building import Shop
from tests.factories import a_picture, a_submission
from tests.pipelines import Pipeline


def stocked(pipeline: Pipeline, count: int) -> Shop:
    """So many products of two pictures each, half of them red."""
    for number in range(count):
        colour = "red" if number % 2 else "blue"
        pictures = [a_picture(colour, size=(20 + number, 20 + n)) for n in range(2)]
        held = {"colour": colour, "price": number}
        pipeline.accepted(a_submission(f"p{number:03}", f"mug {number}", attributes=held, pictures=pictures))
    pipeline.work()
    return Shop(pipeline, page=100)


def with_lists(shop: Shop, index: str = "IVF_FLAT", **params: int) -> Build:
    """A build which answers, with an IVF_FLAT of 128 lists or another index."""
    p = shop.pipeline
    build = start_build(p.database, p.store, p.jobs, "shop", encoder=None, index=index, params=params)
    shop.work()
    shop.switch.promote("shop", build.id, force=True, reason="it is a test")
    return shop.build(build)


def tune(
    shop: Shop, build: Build, recall: float = 0.95, compare: tuple[str, ...] = (), *, dry_run: bool = False
) -> None:
    """Ask for a build to be tuned; unlike what an operator asks for, one that compares is stored too."""
    p = shop.pipeline
    start_tuning(p.database, p.jobs, "shop", build.id, Tuning(recall, compare, dry_run=dry_run))


def store_tuned(shop: Shop, build: Build, bands: Sequence[Band]) -> None:
    """Let a build be searched as if tuning had found these bands."""
    with shop.pipeline.database.writing() as transaction:
        transaction.builds.set_tuned(build.id, replace(build.index, bands=tuple(bands)), {})


def dies_at(count: int, call: Any) -> Any:
    """The same call, in which a worker dies after so many of them."""
    left = count

    def called(*arguments: Any, **named: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        return call(*arguments, **named)

    return called
