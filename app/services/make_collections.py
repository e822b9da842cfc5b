"""Making the collections of a build."""

from app.domain.builds import Build
from app.ports.vectors import VectorStore


def make_collections(store: VectorStore, build: Build) -> None:
    """Make those that are not there; the one with a row per product can be searched by words."""
    for collection in build.collections:
        make_collection(store, build, collection)


def make_collection(store: VectorStore, build: Build, collection: str) -> None:
    """Make one of them, where it is not there."""
    words = collection == build.texts
    store.create(collection, dimension=build.encoder.dimension, index=build.index, words=words)
