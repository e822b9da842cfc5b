"""Options that say how legs become one ranking, and the members of a request that they become."""

import math
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from app.domain.errors import Invalid
from app.domain.search import Fusion, Leg

LegWeights = Annotated[
    list[str] | None,
    typer.Option(
        "--leg",
        metavar="LEG=WEIGHT",
        help="How much image, text or keyword counts; those that are not named are left out. May come several times.",
        show_default=False,
    ),
]

FuseBy = Annotated[
    Fusion | None,
    typer.Option("--fusion", help="Fuse legs by their scores (weighted) or ranks (rrf).", show_default=False),
]


def ranking_of(legs: Sequence[str] | None, fusion: Fusion | None) -> dict[str, Any]:
    """What these options add to the request. Raises `Invalid` (`bad_legs`)."""
    stated: dict[str, Any] = {}
    if legs:
        weights = [_weight(one) for one in legs]
        stated["legs"] = dict(weights)
        if len(stated["legs"]) < len(weights):
            raise Invalid("--leg states the weight of a leg once", code="bad_legs")
    if fusion is not None:
        stated["fusion"] = fusion.value
    return stated


def _weight(stated: str) -> tuple[str, float]:
    name, _, number = stated.partition("=")
    try:
        weight = float(number)
        if not math.isfinite(weight):  # JSON has no word for it
            raise ValueError
        return Leg(name).value, weight
    except ValueError:
        known = ", ".join(leg.value for leg in Leg)
        told = f"--leg {stated} is none: write LEG=WEIGHT, such as text=1, of {known}"
        raise Invalid(told, code="bad_legs") from None
