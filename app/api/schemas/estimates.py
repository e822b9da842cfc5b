"""What a build would take."""

from typing import NotRequired

from typing_extensions import TypedDict  # pydantic reads typing's only from Python 3.12 on


class SampledDocument(TypedDict):
    """How much an estimate was measured on. Its embeddings are stored; its rows are gone."""

    pictures: int
    captions: int
    rows: int


class EstimateDocument(TypedDict):
    """What a build takes that holds `products`, whose `pictures` and `captions` count once however many share them.

    `seconds` are from its opening until it is indexed, with one encode worker like the one that measured, and
    without what is `stored` or `sampled` already. Bytes are those of the vector store's memory and disk, and of the
    embeddings that are yet to be stored; `free_bytes` and `fits` are told where the vectors lie on this machine.
    """

    products: int
    pictures: int
    captions: int
    stored: int
    pictures_to_encode: int
    captions_to_encode: int
    sampled: SampledDocument
    encoding_seconds: float
    writing_seconds: float
    seconds: float
    memory_bytes: int
    disk_bytes: int
    database_bytes: int
    free_bytes: NotRequired[int]
    fits: NotRequired[bool]
