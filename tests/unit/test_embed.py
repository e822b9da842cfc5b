"""Embedding pictures that callers name by URL: one deadline for all of a request."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.adapters.images.checker import PillowPictureChecker
from app.domain.errors import FetchFailed
from app.services.embed import MAX_URLS, Content, Embedder
from tests.factories import a_picture
from tests.pipelines import Pipeline

URLS = [f"https://shop.example/{place}.jpg" for place in range(MAX_URLS)]
ALL_S, EACH_S = 0.5, 0.2  # all of them take three times as long as there is, on any machine


class SlowFetcher:
    """Takes its time, and less than a request has."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def fetch(self, url: str) -> bytes:
        self.asked.append(url)
        time.sleep(EACH_S)
        return a_picture()


def test_when_the_time_of_a_request_is_over_it_is_unavailable_and_asks_for_no_further_picture(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.services.embed.FETCHING_S", ALL_S)
    fetcher, pool = SlowFetcher(), ThreadPoolExecutor(1)
    checker = PillowPictureChecker()
    embedder = Embedder(pipeline.database, pipeline.encoders, checker, fetcher, pool, "fake", batch=4)
    contents = [Content(f"images[{place}]", picture=url) for place, url in enumerate(URLS)]
    with pytest.raises(FetchFailed, match="the picture's server takes too long") as raised:
        embedder.embed(contents, None)
    pool.shutdown()
    assert raised.value.field in {one.where for one in contents}
    assert 0 < len(fetcher.asked) < MAX_URLS
    assert pipeline.encoder.encoded_images == 0
