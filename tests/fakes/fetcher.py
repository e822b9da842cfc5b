"""The web as a table: what stands behind each URL, or what asking for it raises."""

from collections import Counter
from collections.abc import Mapping

from app.domain.errors import FetchRefused, VitrineError


class FakeFetcher:
    def __init__(self, web: Mapping[str, bytes | VitrineError]) -> None:
        self.web = dict(web)
        self.asked: Counter[str] = Counter()

    def fetch(self, url: str) -> bytes:
        self.asked[url] += 1
        found = self.web.get(url, FetchRefused("the picture's server answers 404"))
        if isinstance(found, VitrineError):
            raise found
        return found
