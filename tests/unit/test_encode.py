"""Encoding: batches that are halved, vectors that are refused, contents that are encoded once."""

import logging
from collections.abc import Sequence

import numpy as np
import pytest

from app.api.documents import picture_document
from app.domain.embeddings import Pixels, Vectors
from app.domain.errors import BlobsUnavailable, DatabaseUnavailable, EncoderOutOfMemory, EncoderRefused
from app.domain.products import Catalog
from app.domain.search import SearchQuery
from app.domain.uploads import MAX_ATTEMPTS, Stage, UploadState
from app.ports.blobs import Blob
from app.services.encode_batches import encode_in_batches
from tests.factories import SCHEMA, a_deletion, a_patch, a_picture, a_submission
from tests.fakes.encoders import DIMENSION, FakeEncoder
from tests.pipelines import Pipeline


class SmallDevice:
    """Encodes numbers as unit vectors, as many at a time as it has memory for."""

    def __init__(self, memory: int, *, too_large: tuple[int, ...] = (), flawed: tuple[int, ...] = ()) -> None:
        self.memory, self.too_large, self.flawed = memory, set(too_large), flawed
        self.sizes: list[int] = []

    def __call__(self, items: Sequence[int]) -> Vectors:
        if len(items) > self.memory or self.too_large & set(items):
            raise EncoderOutOfMemory(f"{len(items)} are too many")
        self.sizes.append(len(items))
        vectors = np.zeros((len(items), DIMENSION), dtype=np.float32)
        vectors[range(len(items)), items] = 1.0
        for row, item in enumerate(items):
            if item in self.flawed:
                vectors[row] = np.nan
        return vectors


def encoded(device: SmallDevice, count: int, *, batch: int = 8) -> tuple[set[str], dict[str, str]]:
    found = encode_in_batches(device, {str(n): n for n in range(count)}, batch=batch, dimension=DIMENSION)
    assert all(vector[int(name)] == 1.0 for name, vector in found.vectors.items())
    return set(found.vectors), {name: error.code for name, error in found.errors.items()}


def test_everything_is_encoded_in_batches_of_the_size_asked_for() -> None:
    device = SmallDevice(8)
    assert encoded(device, 19) == ({str(n) for n in range(19)}, {})
    assert device.sizes == [8, 8, 3]


@pytest.mark.parametrize(("memory", "sizes"), [(4, [4, 4]), (3, [2, 2, 2, 2]), (1, [1] * 8)])
def test_a_batch_the_device_has_no_memory_for_is_halved_down_to_one(memory: int, sizes: list[int]) -> None:
    device = SmallDevice(memory)
    assert encoded(device, 8) == ({str(n) for n in range(8)}, {})
    assert device.sizes == sizes


def test_what_is_too_large_even_alone_costs_no_other() -> None:
    names, errors = encoded(SmallDevice(8, too_large=(3,)), 8)
    assert names == {str(n) for n in range(8)} - {"3"}
    assert errors == {"3": "encoder_out_of_memory"}


def test_a_vector_that_is_not_a_number_costs_no_other() -> None:
    names, errors = encoded(SmallDevice(8, flawed=(0, 5)), 8)
    assert names == {str(n) for n in range(8)} - {"0", "5"}
    assert errors == {"0": "bad_vector", "5": "bad_vector"}


@pytest.mark.parametrize(
    "vectors", [np.zeros((2, DIMENSION)), np.full((2, DIMENSION), 2.0), np.ones((2, 3)), np.ones(2)]
)
def test_zero_vectors_wrong_norms_and_wrong_shapes_are_refused(vectors: np.ndarray) -> None:
    found = encode_in_batches(lambda _: vectors, {"a": 0, "b": 1}, batch=2, dimension=DIMENSION)
    assert found.vectors == {}
    assert [error.code for error in found.errors.values()] == ["bad_vector"] * 2


def test_nothing_is_encoded_without_contents() -> None:
    assert encoded(SmallDevice(0), 0) == (set(), {})


def test_the_same_picture_and_the_same_caption_are_encoded_once(pipeline: Pipeline) -> None:
    pipeline.accept(*(a_submission(f"p{n}", pictures=[a_picture("red"), a_picture("red")]) for n in range(10)))
    pipeline.work()
    assert (pipeline.encoder.encoded_images, pipeline.encoder.encoded_texts) == (1, 1)
    pipeline.accept(a_submission("later", "another title", pictures=[a_picture("red"), a_picture("blue")]))
    pipeline.work()
    assert (pipeline.encoder.encoded_images, pipeline.encoder.encoded_texts) == (2, 2)


def test_a_batch_that_began_while_its_contents_were_being_encoded_does_not_encode_them_again(
    pipeline: Pipeline,
) -> None:
    pipeline.accept(*(a_submission(f"p{n}", pictures=[a_picture("red")]) for n in range(6)))
    assert pipeline.run(Stage.ENCODE, limit=2) == 6
    assert (pipeline.encoder.encoded_images, pipeline.encoder.encoded_texts) == (1, 1)


def test_patches_and_deletions_encode_nothing(pipeline: Pipeline) -> None:
    pipeline.accepted(a_submission(pictures=[a_picture()], attributes={"colour": "red"}))
    pipeline.work()
    before = (pipeline.encoder.encoded_images, pipeline.encoder.encoded_texts)
    pipeline.accepted(a_patch(changes={"price": 3}))
    pipeline.work()
    pipeline.accepted(a_deletion())
    pipeline.work()
    assert (pipeline.encoder.encoded_images, pipeline.encoder.encoded_texts) == before


def test_a_patch_of_an_attribute_in_the_caption_encodes_the_caption_alone(pipeline: Pipeline) -> None:
    with pipeline.database.writing() as transaction:
        transaction.catalogs.put(Catalog("shop", SCHEMA, ("colour",)))
    pipeline.accepted(a_submission(pictures=[a_picture()], attributes={"colour": "red"}))
    pipeline.work()
    pipeline.accepted(a_patch(changes={"colour": "green"}))
    pipeline.work()
    assert (pipeline.encoder.encoded_images, pipeline.encoder.encoded_texts) == (1, 2)
    assert pipeline.rows() == {"p": 2, "p#0": 2}


def test_a_picture_that_is_not_where_pictures_are_stored_is_waited_for(pipeline: Pipeline) -> None:
    upload = pipeline.accepted(a_submission(pictures=[a_picture("red"), a_picture("blue")]))
    before = pipeline.product()
    assert before is not None
    name = before.pictures[0].content_hash or ""
    blob = pipeline.blobs.get(name)
    pipeline.blobs.delete(name)
    for _ in range(MAX_ATTEMPTS + 1):
        pipeline.work()
        pipeline.wait()
    assert pipeline.receipt(upload).state is UploadState.FETCHED
    assert pipeline.product() == before
    pipeline.blobs.put(name, blob.content, blob.media_type)
    pipeline.work()
    assert pipeline.receipt(upload).state is UploadState.INDEXED
    assert pipeline.rows() == {"p": 1, "p#0": 1, "p#1": 1}


def test_uploads_beside_a_lost_picture_go_on_and_its_own_waits_with_the_reason(
    pipeline: Pipeline, caplog: pytest.LogCaptureFixture
) -> None:
    waiting = pipeline.accepted(a_submission("p", pictures=[a_picture("red"), a_picture("blue")]))
    others = [pipeline.accepted(a_submission(f"p{n}", pictures=[a_picture("blue")])) for n in range(9)]
    product = pipeline.product()
    assert product is not None
    name = product.pictures[0].content_hash or ""
    blob = pipeline.blobs.stored.pop(name)
    with caplog.at_level(logging.WARNING, "app.services"):
        for _ in range(MAX_ATTEMPTS + 1):
            pipeline.work()
            pipeline.wait()
    assert {pipeline.receipt(one).state for one in others} == {UploadState.INDEXED}
    receipt = pipeline.receipt(waiting)
    assert (receipt.state, receipt.attempts, receipt.error_code) == (UploadState.FETCHED, 0, "blobs_unavailable")
    # An uploader is told that it waits; where pictures are stored is between the log and the operator.
    assert "the upload waits" in (receipt.error_detail or "")
    assert not [word for word in (name, "process", "storage") if word in (receipt.error_detail or "")]
    (told, *_) = [record for record in caplog.records if record.message == "encode.pictures_away"]
    assert name in told.uploads[waiting.id]  # type: ignore[attr-defined]
    assert "storage" in told.uploads[waiting.id]  # type: ignore[attr-defined]
    assert pipeline.encoder.encoded_images == 1
    pipeline.blobs.put(name, blob.content, blob.media_type)
    pipeline.work()
    assert pipeline.receipt(waiting).state is UploadState.INDEXED


def test_what_the_model_did_beside_a_lost_picture_is_kept_although_the_database_fails_once(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = pipeline.accepted(a_submission("p", pictures=[a_picture("red")]))
    others = [pipeline.accepted(a_submission(f"p{n}", f"mug {n}")) for n in range(3)]
    pipeline.blobs.stored.clear()
    writing, failing = pipeline.database.writing, [DatabaseUnavailable("it is being restarted")]

    def failing_once_the_model_is_done() -> object:
        if failing and pipeline.encoder.encoded_texts:
            raise failing.pop()
        return writing()

    monkeypatch.setattr(pipeline.database, "writing", failing_once_the_model_is_done)
    monkeypatch.setattr("app.services.run_stage.WRITING_PAUSES_S", (0.0,))
    assert pipeline.run(Stage.ENCODE) == 3
    assert not failing
    assert {pipeline.receipt(one).state for one in others} == {UploadState.ENCODED}
    receipt = pipeline.receipt(waiting)
    assert (receipt.state, receipt.attempts, receipt.error_code) == (UploadState.FETCHED, 0, "blobs_unavailable")


def test_where_the_store_of_pictures_is_down_the_whole_batch_waits(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads = [pipeline.accepted(a_submission(f"p{n}", pictures=[a_picture("blue")])) for n in range(3)]
    lone = pipeline.accepted(a_submission("bare", "a caption"))

    def down(*_: object) -> Blob:
        raise BlobsUnavailable("the store of pictures does not answer")

    with monkeypatch.context() as patched:
        patched.setattr(pipeline.blobs, "get", down)
        patched.setattr(pipeline.blobs, "ping", down)
        pipeline.work()
    assert {pipeline.receipt(one).state for one in [*uploads, lone]} == {UploadState.FETCHED}
    pipeline.wait()
    pipeline.work()
    assert {pipeline.receipt(one).state for one in [*uploads, lone]} == {UploadState.INDEXED}


def test_a_stored_picture_that_cannot_be_decoded_is_marked_and_the_product_goes_on(pipeline: Pipeline) -> None:
    submission = a_submission(pictures=[a_picture("red"), a_picture("blue")], attributes={"price": 1})
    upload = pipeline.accepted(submission)
    before = pipeline.product()
    assert before is not None
    name = before.pictures[0].content_hash or ""
    whole = pipeline.blobs.stored[name]
    pipeline.blobs.stored[name] = Blob(whole.content[:40], whole.media_type)
    pipeline.work()
    assert pipeline.receipt(upload).state is UploadState.INDEXED
    stored = pipeline.product()
    assert stored is not None
    assert [picture.error_code for picture in stored.pictures] == ["image_corrupt", None]
    assert [picture.content_hash for picture in stored.pictures] == [p.content_hash for p in before.pictures]
    assert ["url" in picture_document("shop", picture) for picture in stored.pictures] == [False, True]
    assert pipeline.rows() == {"p": 1, "p#1": 1}
    # Nothing asks for it again, with the content still broken or whole and known from another product.
    pipeline.accepted(a_patch(changes={"price": 2}))
    pipeline.work()
    pipeline.blobs.stored[name] = whole
    pipeline.accepted(a_submission("other", pictures=[a_picture("red")]))
    pipeline.work()
    pipeline.accepted(a_patch(changes={"price": 3}))
    pipeline.work()
    assert pipeline.rows() == {"p": 3, "p#1": 3}
    assert [len(hit.product.pictures) for hit in pipeline.search(SearchQuery(like="p")).hits] == [1]
    # Stated once more, the product has it.
    pipeline.accepted(submission)
    pipeline.work()
    assert pipeline.rows() == {"p": 4, "p#0": 4, "p#1": 4}


class Flawed(FakeEncoder):
    """Gives no number for what is green."""

    def encode_images(self, pictures: Sequence[Pixels]) -> Vectors:
        vectors = super().encode_images(pictures)
        vectors[[bool(picture[..., 1].mean() > 150) for picture in pictures]] = np.nan
        return vectors


def test_a_content_the_model_fails_on_ends_its_upload_and_no_other(pipeline: Pipeline) -> None:
    pipeline.encoders._open["fake"] = Flawed()
    good, bad = a_submission("good", pictures=[a_picture("red")]), a_submission("bad", pictures=[a_picture("green")])
    pipeline.accept(good, bad)
    pipeline.work()
    assert (pipeline.states("good"), pipeline.states("bad")) == ({1: "indexed"}, {1: "dead"})
    assert pipeline.rows("bad") == {}
    stored = pipeline.product("bad")
    assert stored is not None
    assert stored.state is UploadState.DEAD


def test_uploads_wait_for_the_model_their_build_was_made_with(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = pipeline.accepted(a_submission())
    with monkeypatch.context() as patched:
        patched.setattr(pipeline.encoders, "_open", {"fake": FakeEncoder(weights="1")})
        with pytest.raises(EncoderRefused):
            pipeline.encoders.of(pipeline.live().encoder)
        for _ in range(MAX_ATTEMPTS + 1):
            pipeline.work()
            pipeline.wait()
    assert pipeline.receipt(upload).state is UploadState.FETCHED
    pipeline.work()
    assert pipeline.receipt(upload).state is UploadState.INDEXED
