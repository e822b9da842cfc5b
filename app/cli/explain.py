"""`vitrine explain`."""

from typing import Annotated, Any
from urllib.parse import quote

import typer

from app.cli.connection import catalog_path, connect
from app.cli.diversity import CollapseDuplicates, GroupBy, GroupLimit, diversity_of
from app.cli.explained import leg_in_words, without_in_words
from app.cli.options import CatalogName, Data, Image, Json, Like, Limit, MinScore, Url, Where
from app.cli.ranking import FuseBy, LegWeights, ranking_of
from app.cli.screen import Screen
from app.cli.search import query_of

_SLOW_S = 60  # of a large catalog every vector may be looked at


def explain(
    product_id: Annotated[str, typer.Argument(help="The product that is asked about.", show_default=False)],
    text: Annotated[str | None, typer.Argument(help="The words that are searched by.", show_default=False)] = None,
    *,
    image: Image = None,
    like: Like = None,
    where: Where = None,
    limit: Limit = 20,
    min_score: MinScore = None,
    leg: LegWeights = None,
    fusion: FuseBy = None,
    group_by: GroupBy = None,
    group_limit: GroupLimit = None,
    collapse_duplicates: CollapseDuplicates = False,
    catalog: CatalogName = "default",
    url: Url = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Say why a search shows a product where it does, or why it does not show it."""
    screen = Screen(json=json)
    query = query_of(text, image, like, where, limit, min_score=min_score)
    query |= ranking_of(leg, fusion) | diversity_of(group_by, group_limit, collapse_duplicates=collapse_duplicates)
    path = f"{catalog_path(catalog)}/products/{quote(product_id, safe='')}:explain"
    with connect(screen, url=url, data=data, makes=False) as service, screen.waiting("looking"):
        told = service.post(path, query, patience_s=_SLOW_S)
    screen.result(told, *_lines(told))
    if left_out := told["degraded"]:
        screen.say(without_in_words(left_out))


def _lines(told: dict[str, Any]) -> list[str]:
    """The reason, then what it rests on."""
    legs = [leg_in_words(name, leg) for name, leg in told["legs"].items()]
    said = [f"{told['product_id']}: {told['reason'].replace('_', ' ')}: {told['detail']}", *legs]
    if told["reason"] != "filtered_out":
        said += [condition["detail"] for condition in told["conditions"]]
    if "upload" in told:
        said.append(f"`vitrine uploads show {told['upload']['upload_id']}` shows its upload")
    pictures = [f"picture {one['position']} cannot be used: {one['error']['code']}" for one in told.get("images", ())]
    return said + pictures
