"""`vitrine search` and `explain`: options become a request, and its answer lines."""

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.cli import search
from app.cli.connection import Service
from app.cli.diversity import diversity_of
from app.cli.explained import lines_of
from app.cli.failures import exit_code
from app.cli.ranking import ranking_of
from app.domain.errors import Invalid, VitrineError
from app.domain.search import Fusion


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (("red mug", None, None, None, 5), {"text": "red mug", "limit": 5}),
        ((None, None, "p-1", None, 20), {"image": {"product_id": "p-1"}, "limit": 20}),
        ((None, None, None, '{"price": {"lt": 5}}', 20), {"filter": {"price": {"lt": 5}}, "limit": 20}),
    ],
)
def test_options_become_the_search_request(given: Any, expected: dict[str, Any]) -> None:
    assert search.query_of(*given) == expected


def test_an_explained_hit_is_a_line_and_one_that_is_not_is_none() -> None:
    text = {"rank": 1, "score": 0.9, "contribution": 0.5, "exact_score": 0.91}
    explain = {"legs": {"image": {"exact_score": 0.2}, "text": text}, "filter": [{"detail": "price is 3, asked: 3"}]}
    hits = [{"product_id": "p"}, {"product_id": "q", "matched_image": {"position": 2}, "explain": explain}]
    assert list(lines_of(hits)) == [
        "2. q: image leg: did not bring it, exact score 0.2000; "
        "text leg: rank 1, score 0.9000, adds 0.5000, exact score 0.9100; picture 2 matched; price is 3, asked: 3"
    ]


def test_a_least_score_is_sent_and_one_that_is_no_number_refused() -> None:
    assert search.query_of("red mug", None, None, None, 5, min_score=0.2)["min_score"] == 0.2
    with pytest.raises(Invalid) as caught:
        search.query_of("red mug", None, None, None, 5, min_score=float("nan"))
    assert caught.value.code == "bad_min_score"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((None, None, False), {}),
        (("style", None, False), {"group": {"by": "style"}}),
        (("style", 2, True), {"group": {"by": "style", "limit": 2}, "collapse_duplicates": True}),
    ],
)
def test_groups_and_duplicates_become_members_of_the_request(given: Any, expected: dict[str, Any]) -> None:
    by, limit, collapse = given
    assert diversity_of(by, limit, collapse_duplicates=collapse) == expected


def test_a_limit_of_no_group_is_refused() -> None:
    with pytest.raises(Invalid) as caught:
        diversity_of(None, 2, collapse_duplicates=False)
    assert caught.value.code == "bad_group"


def test_a_picture_of_a_query_is_sent_as_base64(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"picture")
    assert search.query_of(None, str(tmp_path / "a.jpg"), None, None, 20)["image"] == {"data": "cGljdHVyZQ=="}


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ((None, "a.jpg", "p-1", None, 20), "bad_query"),
        ((None, "/nowhere/a.jpg", None, None, 20), "image_missing"),
        ((None, None, None, "{price", 20), "bad_filter"),
        ((None, None, None, "[1]", 20), "bad_filter"),
    ],
)
def test_a_query_that_cannot_be_one_is_refused_before_anything_is_opened(given: Any, code: str) -> None:
    with pytest.raises(VitrineError) as caught:
        search.query_of(*given)
    assert (caught.value.code, exit_code(caught.value)) == (code, 2)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((None, None), {}),
        (([], Fusion.RRF), {"fusion": "rrf"}),
        ((["text=2", "keyword=0.5"], None), {"legs": {"text": 2.0, "keyword": 0.5}}),
    ],
)
def test_weights_and_fusion_become_members_of_the_request(given: Any, expected: dict[str, Any]) -> None:
    assert ranking_of(*given) == expected


@pytest.mark.parametrize("stated", ["text", "text=", "text=much", "text=nan", "text=inf", "words=1", "=1", ""])
def test_a_weight_that_is_none_is_refused_before_anything_is_opened(stated: str) -> None:
    with pytest.raises(Invalid) as caught:
        ranking_of([stated], None)
    assert (caught.value.code, exit_code(caught.value)) == ("bad_legs", 2)


def test_a_leg_is_weighed_once() -> None:
    with pytest.raises(Invalid) as caught:
        ranking_of(["text=1", "text=2"], None)
    assert caught.value.code == "bad_legs"


def test_what_is_counted_stands_below_the_hits(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[dict[str, Any]] = []
    facets = {
        "colour": {"red": 3, "buckets": 1},
        "price": {"min": 1, "max": 9.5, "buckets": [{"gte": 1, "lt": 5, "count": 2}, {"gte": 5, "count": 1}]},
        "size": {},
    }
    answer = {
        "hits": [],
        "total": {"value": 4, "exact": True, "scope": "catalog"},
        "timings_ms": {"total": 1.0},
        "degraded": [],
        "facets": facets,
    }

    def answered(request: httpx.Request) -> httpx.Response:
        asked.append(json.loads(request.content))
        return httpx.Response(200, json=answer)

    service = Service(httpx.Client(transport=httpx.MockTransport(answered), base_url="http://service"), private=False)
    monkeypatch.setattr(search, "connect", lambda *_, **__: nullcontext(service))
    search.search(facet=["colour", "price", "size"], leg=["text=1"])
    assert asked == [{"limit": 20, "facets": ["colour", "price", "size"], "legs": {"text": 1.0}}]
    assert capsys.readouterr().out.splitlines()[-3:] == [
        "colour: red 3, buckets 1",
        "price: 1 … 5: 2, 5 … 9.5: 1",
        "size: no value",
    ]
