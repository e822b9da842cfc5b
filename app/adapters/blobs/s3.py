"""Stored pictures in an S3-compatible store. The one module that imports boto3 (extra `s3`)."""

import logging
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from app.adapters.blobs.names import is_name, path_of
from app.domain.errors import BlobsUnavailable, Misconfigured, NotFound
from app.ports.blobs import Blob, Store

log = logging.getLogger(__name__)

_WRITERS = 16  # a put waits some 20 ms for its answer and costs about 2 ms of CPU
_CONFIG = Config(
    connect_timeout=3,  # the store is near
    read_timeout=10,  # it answers a 10 MB picture in far less
    retries={"mode": "standard", "max_attempts": 3},  # rides out one dropped connection; longer is the caller's retry
    max_pool_connections=2 * _WRITERS,  # two batches at a time
)


class S3Blobs:
    """A bucket that exists already; names stand under `prefix`. Credentials and region come by boto3's own rules.

    Nothing is connected to before the first use; settings that cannot work raise `Misconfigured` at once.
    Safe to call from several threads.
    """

    def __init__(self, bucket: str, *, prefix: str = "", endpoint_url: str | None = None) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        try:
            self._client = boto3.session.Session().client("s3", endpoint_url=endpoint_url, config=_CONFIG)
        except (BotoCoreError, ValueError) as error:
            raise Misconfigured(f"the store of pictures cannot be used: {error}") from error

    def put(self, name: str, content: bytes, media_type: str) -> None:
        """Store one picture. See the port: the store answers once it is whole and durable."""
        with _translated():
            self._client.put_object(Bucket=self._bucket, Key=self._key(name), Body=content, ContentType=media_type)

    @contextmanager
    def staged(self, blobs: Mapping[str, Blob]) -> Iterator[Store]:
        """Nothing is sent before it is to be stored, and then side by side: a name cannot be given later here."""

        def store(names: Collection[str]) -> None:
            with ThreadPoolExecutor(_WRITERS, thread_name_prefix="blobs") as writers:
                list(writers.map(lambda name: self.put(name, blobs[name].content, blobs[name].media_type), names))

        yield store

    def get(self, name: str) -> Blob:
        """Read one picture. Raises `NotFound` (`picture_not_found`)."""
        if not is_name(name):
            raise NotFound("there is no such picture", code="picture_not_found")
        with _translated():
            answer = self._client.get_object(Bucket=self._bucket, Key=self._key(name))
            with answer["Body"] as body:
                return Blob(body.read(), answer["ContentType"])

    def delete(self, name: str) -> None:
        """Delete one picture; nothing happens where it is not there."""
        with _translated():
            self._client.delete_object(Bucket=self._bucket, Key=self._key(name))

    def ping(self) -> None:
        """Return if the bucket answers."""
        with _translated():
            self._client.head_bucket(Bucket=self._bucket)

    def _key(self, name: str) -> str:
        return self._prefix + path_of(name)


@contextmanager
def _translated() -> Iterator[None]:
    """boto3's errors as ours."""
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code")
        if code == "NoSuchKey":
            raise NotFound("there is no such picture", code="picture_not_found") from None
        # The driver's words name hosts and buckets: they are for the log, not for whoever asked.
        log.warning("blobs.unavailable", extra={"detail": str(error)})
        raise BlobsUnavailable("the store of pictures refuses") from error
    except BotoCoreError as error:
        log.warning("blobs.unavailable", extra={"detail": str(error)})
        raise BlobsUnavailable("the store of pictures does not answer") from error
