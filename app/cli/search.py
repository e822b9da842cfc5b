"""`vitrine search`."""

import math
from base64 import b64encode
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.table import Column, Table

from app.cli.connection import catalog_path, connect
from app.cli.diversity import CollapseDuplicates, GroupBy, GroupLimit, diversity_of
from app.cli.explained import lines_of, without_in_words
from app.cli.options import CatalogName, Data, Image, Json, Like, Limit, MinScore, Url, Where
from app.cli.ranking import FuseBy, LegWeights, ranking_of
from app.cli.screen import Screen, plain
from app.domain.errors import Invalid, NotFound

_SHOWN_ATTRIBUTES = 3  # what a terminal of 80 columns holds beside a title
_PICTURE_TIMEOUT_S = 30


def search(
    text: Annotated[str | None, typer.Argument(help="Words to search by.", show_default=False)] = None,
    *,
    image: Image = None,
    like: Like = None,
    where: Where = None,
    limit: Limit = 20,
    min_score: MinScore = None,
    leg: LegWeights = None,
    fusion: FuseBy = None,
    facet: Annotated[
        list[str] | None,
        typer.Option(metavar="ATTRIBUTE", help="Count its values. May come several times.", show_default=False),
    ] = None,
    group_by: GroupBy = None,
    group_limit: GroupLimit = None,
    collapse_duplicates: CollapseDuplicates = False,
    explain: Annotated[bool, typer.Option("--explain", help="Say of each hit where it comes from.")] = False,
    cursor: Annotated[
        str | None,
        typer.Option(metavar="CURSOR", help="Where an answer ended, to go on there.", show_default=False),
    ] = None,
    catalog: CatalogName = "default",
    url: Url = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Search by words, by a picture, by a product, or by words and one of these; without any, look at everything."""
    screen = Screen(json=json)
    query = query_of(text, image, like, where, limit, min_score=min_score)
    query |= ranking_of(leg, fusion) | diversity_of(group_by, group_limit, collapse_duplicates=collapse_duplicates)
    if facet:
        query["facets"] = facet
    if explain:
        query["explain"] = True
    if cursor is not None:
        query["cursor"] = cursor
    with connect(screen, url=url, data=data, makes=False) as service, screen.waiting("searching"):
        answer = service.post(f"{catalog_path(catalog)}/search", query)
    whose = "" if answer["total"]["exact"] else " (of the candidates)"
    counted = [_facet(name + whose, facet) for name, facet in answer.get("facets", {}).items()]
    screen.result(answer, _hits(answer["hits"]), *lines_of(answer["hits"]), *counted)
    if left_out := answer["degraded"]:
        screen.say(without_in_words(left_out))
    total, took = answer["total"], answer["timings_ms"]["total"]
    among = "products" if total["scope"] == "catalog" else "candidates"
    screen.say(f"{len(answer['hits'])} of {total['value']} {among} in {took:.0f} ms")
    if "cursor" in answer:
        screen.say("there are more: --json tells the cursor that --cursor goes on from")  # it fills a screen


def query_of(
    text: str | None,
    image: str | None,
    like: str | None,
    where: str | None,
    limit: int,
    *,
    min_score: float | None = None,
) -> dict[str, Any]:
    """The body of the search request. Raises `Invalid` for what cannot be one, `NotFound` for a missing picture."""
    if image is not None and like is not None:
        raise Invalid("ask by --image or by --like, not by both", code="bad_query")
    query: dict[str, Any] = {"limit": limit}
    if text is not None:
        query["text"] = text
    if image is not None:
        query["image"] = {"data": b64encode(_picture(image)).decode("ascii")}
    if like is not None:
        query["image"] = {"product_id": like}
    if where is not None:
        query["filter"] = _filter(where)
    if min_score is not None:
        if not math.isfinite(min_score):  # JSON has no word for it
            raise Invalid("--min-score is a number from 0", code="bad_min_score")
        query["min_score"] = min_score
    return query


def _filter(text: str) -> dict[str, Any]:
    try:
        read = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Invalid(f"--filter is not JSON: {error}", code="bad_filter") from None
    if not isinstance(read, dict):
        raise Invalid('--filter must be an object, such as {"colour": "red"}', code="bad_filter")
    return read


def _picture(place: str) -> bytes:
    import httpx  # noqa: PLC0415 - see `connection.py`

    try:
        if not place.lower().startswith(("http://", "https://")):
            return Path(place).read_bytes()
        return httpx.get(place, timeout=_PICTURE_TIMEOUT_S, follow_redirects=True).raise_for_status().content
    except (OSError, ValueError, httpx.HTTPError, httpx.InvalidURL) as error:
        raise NotFound(f"the picture {place} cannot be read: {error}", code="image_missing") from error


def _hits(hits: list[dict[str, Any]]) -> Table:
    shown = list(dict.fromkeys(name for hit in hits for name in hit["attributes"]))[:_SHOWN_ATTRIBUTES]
    table = Table("#", "score", "product", "title", *(Column(plain(name)) for name in shown))
    for place, hit in enumerate(hits, start=1):
        score = "" if hit["score"] is None else f"{hit['score']:.4f}"
        values = [plain(hit["attributes"].get(name, "")) for name in shown]
        title = plain(hit["title"]) + _beside(hit)
        table.add_row(str(place), score, plain(hit["product_id"]), title, *values)
    return table


def _facet(name: str, facet: dict[str, Any]) -> str:
    """The values of an attribute with their counts, or the ranges of one that has an order."""
    buckets = facet.get("buckets")
    if isinstance(buckets, list):
        said = [f"{one['gte']} … {one.get('lt', facet['max'])}: {one['count']}" for one in buckets]
    else:  # a value may have any name
        said = [f"{value} {count}" for value, count in facet.items()]
    return f"{name}: {', '.join(said) or 'no value'}"


def _beside(hit: dict[str, Any]) -> str:
    """How many products stand behind a hit, if any."""
    said = []
    if "group" in hit and hit["group"]["size"] > 1:
        said.append(f"{hit['group']['size']} in its group")
    if "duplicates" in hit:
        said.append(f"{hit['duplicates']} more with nearly its picture")
    return f" ({', '.join(said)})" if said else ""
