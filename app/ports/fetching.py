"""The fetching port: pictures that stand behind a URL."""

from typing import Protocol


class PictureFetcher(Protocol):
    """Fetches pictures from addresses that strangers name. Safe to call from several threads."""

    def fetch(self, url: str) -> bytes:
        """The bytes behind `url`, unchecked.

        Raises `UrlNotAllowed` before any connection to an address we do not connect to; `FetchRefused` where the
        server will answer so again (404, more bytes than the budget); `FetchFailed` where it may not (5xx, 429,
        time).
        """
        ...
