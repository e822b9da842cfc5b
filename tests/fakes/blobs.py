"""Blobs in memory."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

from app.adapters.blobs.names import path_of
from app.domain.errors import NotFound
from app.ports.blobs import Blob, Store


class MemoryBlobs:
    def __init__(self) -> None:
        self.stored: dict[str, Blob] = {}

    def put(self, name: str, content: bytes, media_type: str) -> None:
        path_of(name)
        self.stored.setdefault(name, Blob(content, media_type))

    @contextmanager
    def staged(self, blobs: Mapping[str, Blob]) -> Iterator[Store]:
        def store(names: Collection[str]) -> None:
            for name in names:
                self.put(name, blobs[name].content, blobs[name].media_type)

        yield store

    def get(self, name: str) -> Blob:
        if name not in self.stored:
            raise NotFound("there is no such picture", code="picture_not_found")
        return self.stored[name]

    def delete(self, name: str) -> None:
        path_of(name)
        self.stored.pop(name, None)

    def ping(self) -> None:
        return
