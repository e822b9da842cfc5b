"""The service a command talks to: the one at a URL, or one of its own over the data directory. HTTP either way.

httpx is imported by those who ask: `vitrine serve` imports every command too, and asks nobody.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson

from app.cli.screen import Screen
from app.cli.settings import quiet, read_settings
from app.domain.errors import EncoderError, Invalid, Misconfigured, Refused, TooLarge, Unavailable, VitrineError

if TYPE_CHECKING:
    import httpx

_PATIENCE_S = 60  # a batch is answered in seconds, a first search once the encoder is loaded
_CONNECTING_S = 5  # a connection is made at once

_PASSING = (429, 502, 503, 504)


class Service:
    """Calls of the HTTP API. What is not 2xx is raised as the error its problem document tells.

    `private` says whether the service lives in this process and ends with it.
    """

    def __init__(self, client: httpx.Client, *, private: bool) -> None:
        self._client = client
        self.private = private

    def get(self, path: str, *, answers: tuple[int, ...] = (), **parameters: Any) -> Any:
        """GET a document; `answers` are statuses beyond 2xx that are no errors here."""
        given = {name: value for name, value in parameters.items() if value is not None}
        return orjson.loads(self._call("GET", path, answers=answers, params=given))

    def put(self, path: str, document: Any) -> Any:
        """PUT a document."""
        return orjson.loads(self._call("PUT", path, content=orjson.dumps(document), headers=_JSON))

    def post(self, path: str, document: Any = None, *, patience_s: float | None = None) -> Any:
        """POST a document; `patience_s` is how long the answer may take where that is not the usual time."""
        content = b"" if document is None else orjson.dumps(document)
        patience: dict[str, Any] = {} if patience_s is None else {"timeout": patience_s}
        return orjson.loads(self._call("POST", path, content=content, headers=_JSON, **patience))

    def post_lines(self, path: str, lines: bytes) -> list[dict[str, Any]]:
        """POST lines of JSON; a line answers each, in order."""
        answer = self._call("POST", path, content=lines, headers={"Content-Type": "application/x-ndjson"})
        return [orjson.loads(line) for line in answer.splitlines() if line]

    def _call(self, method: str, path: str, *, answers: tuple[int, ...] = (), **request: Any) -> bytes:
        from httpx import TransportError  # noqa: PLC0415 - see above

        try:
            response = self._client.request(method, path, **request)
        except TransportError as error:
            reason = str(error) or type(error).__name__
            raise Unavailable(
                f"{self._client.base_url} does not answer: {reason}", code="service_unreachable"
            ) from error
        if response.is_success or response.status_code in answers:
            return response.content
        raise _error_of(response)


_JSON = {"Content-Type": "application/json"}


def catalog_path(name: str) -> str:
    """The path of a catalog, whatever its name holds."""
    return f"/v1/catalogs/{quote(name, safe='')}"


@contextmanager
def connect(
    screen: Screen, *, url: str | None, data: Path | None, encoder: str | None = None, makes: bool = True
) -> Iterator[Service]:
    """Open the service. `makes` says whether a data directory that does not exist is made.

    Raises `Misconfigured` where it is not, and where another process holds the directory; `Invalid` (`usage`) for
    options that do not go together.
    """
    if url is None:
        # Databases, stores and the API take a second to import; a command that talks to a service needs none of it.
        from app.cli.private_service import serve_privately  # noqa: PLC0415

        settings = read_settings(data=data, encoder=encoder)
        if not (makes or settings.database_url or settings.data.exists()):
            raise Misconfigured(
                f"there is no data directory {settings.data}: --data or VITRINE_DATA says where it is, and "
                "`vitrine serve` or `vitrine ingest` makes one",
                code="no_data",
            )
        with serve_privately(screen, quiet(settings)) as client:
            yield Service(client, private=True)
        return
    if data is not None:  # VITRINE_DATA may stand beside it: that is said for every command
        raise Invalid(
            f"the service at {url} has its own data directory: leave out --data, or --url and VITRINE_URL",
            code="usage",
        )
    if encoder is not None:
        raise Invalid("the encoder is the service's own choice: give --encoder to `vitrine serve`", code="usage")
    if not url.lower().startswith(("http://", "https://")):
        raise Invalid(f"{url} is not the URL of a service: write it as http://host:port", code="usage")
    import httpx  # noqa: PLC0415 - see above

    # A proxy of the environment is for the world outside, not for this machine.
    here = {f"all://{host}": None for host in ("localhost", "127.0.0.1", "[::1]")}
    patience = httpx.Timeout(_PATIENCE_S, connect=_CONNECTING_S)
    with httpx.Client(base_url=url, timeout=patience, mounts=here) as client:
        yield Service(client, private=False)


def _error_of(response: httpx.Response) -> VitrineError:
    status = response.status_code
    try:
        told = orjson.loads(response.content)
        code, detail, field = str(told["code"]), str(told["detail"]), told.get("field")
    except (orjson.JSONDecodeError, TypeError, KeyError, AttributeError):  # a proxy's page, perhaps
        code, detail, field = f"http_{status}", f"the service answered {status} {response.reason_phrase}", None
    if code.startswith("encoder") or code == "fingerprint_mismatch":
        return EncoderError(detail, code=code)
    if status in _PASSING:
        return Unavailable(detail, code=code)
    branch = TooLarge if status == 413 else Refused if 400 <= status < 500 else VitrineError
    return branch(detail, code=code, field=field)
