"""Blobs in memory."""

from collections.abc import Mapping

from app.adapters.blobs.names import path_of
from app.domain.errors import NotFound
from app.ports.blobs import Blob


class MemoryBlobs:
    def __init__(self) -> None:
        self.stored: dict[str, Blob] = {}

    def put(self, name: str, content: bytes, media_type: str) -> None:
        path_of(name)
        self.stored.setdefault(name, Blob(content, media_type))

    def put_many(self, blobs: Mapping[str, Blob]) -> None:
        for name in blobs:
            path_of(name)
        for name, blob in blobs.items():
            self.put(name, blob.content, blob.media_type)

    def get(self, name: str) -> Blob:
        if name not in self.stored:
            raise NotFound("there is no such picture", code="picture_not_found")
        return self.stored[name]

    def delete(self, name: str) -> None:
        path_of(name)
        self.stored.pop(name, None)

    def ping(self) -> None:
        return
