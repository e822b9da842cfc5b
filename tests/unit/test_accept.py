"""Accepting: what is refused leaves nothing, what is accepted is written whole, and what is no change is none."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from app.domain.embeddings import picture_hash
from app.domain.errors import BlobsUnavailable, NotFound, VitrineError
from app.domain.submissions import Submission
from app.domain.uploads import Stage, Upload, UploadKind, UploadState
from app.ports.blobs import Store
from tests.factories import a_deletion, a_patch, a_picture, a_submission
from tests.pipelines import Pipeline

URL = "https://example.org/a.jpg"


def test_a_product_with_its_pictures_is_ready_to_be_encoded(pipeline: Pipeline) -> None:
    upload = pipeline.accepted(a_submission(pictures=[a_picture("red"), a_picture("blue")]))
    assert (upload.state, upload.version, upload.kind) == (UploadState.FETCHED, 1, UploadKind.UPSERT)
    assert pipeline.jobs.woken == [Stage.ENCODE]
    stored = pipeline.product()
    assert stored is not None
    assert [picture.width for picture in stored.pictures] == [24, 24]
    assert {picture.content_hash for picture in stored.pictures} == set(pipeline.blobs.stored)


def test_a_picture_by_url_waits_to_be_fetched(pipeline: Pipeline) -> None:
    assert pipeline.accepted(a_submission(pictures=[a_picture(), URL])).state is UploadState.ACCEPTED
    assert pipeline.jobs.woken == [Stage.INTAKE]


def test_a_broker_that_does_not_answer_loses_no_upload(pipeline: Pipeline) -> None:
    pipeline.jobs.down = True
    upload = pipeline.accepted(a_submission())
    pipeline.work()
    assert pipeline.receipt(upload).state is UploadState.INDEXED


REFUSED: list[tuple[str, Submission, str | None]] = [
    ("empty_title", a_submission(title="  "), "title"),
    ("too_long", a_submission(title="x" * 1_001), "title"),
    ("bad_text", a_submission(title="a\0b"), "title"),
    ("bad_text", a_submission(title="\ud800"), "title"),
    ("unknown_attribute", a_submission(attributes={"prize": 1}), "attributes.prize"),
    ("attribute_type", a_submission(attributes={"price": "1"}), "attributes.price"),
    ("attribute_type", a_submission(attributes={"price": True}), "attributes.price"),
    ("attribute_type", a_submission(attributes={"price": float("nan")}), "attributes.price"),
    ("attribute_type", a_submission(attributes={"price": float("inf")}), "attributes.price"),
    ("attribute_type", a_submission(attributes={"price": 2**63}), "attributes.price"),
    ("attribute_type", a_submission(attributes={"price": 10**400}), "attributes.price"),
    ("attribute_type", a_submission(attributes={"released": "0001-01-01T00:00:00+23:00"}), "attributes.released"),
    ("attribute_type", a_submission(attributes={"sizes": "S"}), "attributes.sizes"),
    ("attribute_type", a_submission(attributes={"sizes": ["S", 1]}), "attributes.sizes"),
    ("bad_text", a_submission(attributes={"colour": "\0"}), "attributes.colour"),
    ("too_long", a_submission(attributes={"care": "x" * 16_385}), "attributes.care"),
    ("image_format", a_submission(pictures=[a_picture(), b"%PDF-1.7"]), "images[1]"),
    ("image_corrupt", a_submission(pictures=[a_picture()[:300]]), "images[0]"),
    ("image_too_large", a_submission(pictures=[b"\xff\xd8\xff" + bytes(10 * 1024 * 1024)]), "images[0]"),
    ("url_not_allowed", a_submission(pictures=["http://169.254.169.254/meta"]), "images[0]"),
    ("unknown_product", a_deletion(), "product_id"),
    ("unknown_product", a_patch(changes={"price": 1}), "product_id"),
    ("unknown_product", a_patch(changes={"price": 1}, version=7), "product_id"),
    ("unknown_attribute", a_patch(changes={"prize": None}), "attributes.prize"),
]


@pytest.mark.parametrize(("code", "submission", "field"), REFUSED)
def test_what_is_refused_names_the_field_and_leaves_nothing(
    pipeline: Pipeline, code: str, submission: Submission, field: str | None
) -> None:
    before = pipeline.everything()
    error = pipeline.refused(submission)
    assert (error.code, error.field) == (code, field)
    assert pipeline.everything() == before
    assert pipeline.jobs.woken == []


STATED: list[tuple[str, dict[str, Any]]] = [
    ("bad_id", {"product_id": "a b"}),
    ("bad_id", {"product_id": ""}),
    ("bad_id", {"product_id": "x" * 129}),
    ("bad_version", {"version": 0}),
    ("bad_version", {"version": 2**63}),
    ("too_many_images", {"pictures": [URL] * 51}),
    ("bad_idempotency_key", {"idempotency_key": ""}),
    ("bad_idempotency_key", {"idempotency_key": "a\nb"}),
    ("bad_idempotency_key", {"idempotency_key": "x" * 256}),
]


@pytest.mark.parametrize(("code", "stated"), STATED)
def test_what_no_catalog_could_take_is_no_submission(code: str, stated: dict[str, Any]) -> None:
    with pytest.raises(VitrineError) as raised:
        a_submission(**stated)
    assert raised.value.code == code


def test_an_unknown_catalog_is_refused_whole(pipeline: Pipeline) -> None:
    with pytest.raises(NotFound) as raised:
        pipeline.accept(a_submission(), catalog="none")
    assert raised.value.code == "unknown_catalog"


def test_the_good_of_a_batch_are_accepted_and_the_bad_are_told_in_their_places(pipeline: Pipeline) -> None:
    outcomes = pipeline.accept(a_submission("a"), a_submission("b", attributes={"price": "1"}), a_submission("c"))
    assert [type(one) for one in outcomes][::2] == [Upload, Upload]
    assert isinstance(outcomes[1], VitrineError)
    assert pipeline.count("products") == 2
    assert pipeline.accept() == []


def test_a_batch_of_changes_to_many_products_supersedes_what_waited(pipeline: Pipeline) -> None:
    for title in ("first", "second", "third"):
        pipeline.accept(*(a_submission(f"p{place}", title) for place in range(5)))
    for place in range(5):
        assert pipeline.states(f"p{place}") == {1: "superseded", 2: "superseded", 3: "fetched"}


def test_stating_a_product_again_changes_nothing_until_it_went_badly(pipeline: Pipeline) -> None:
    stated = a_submission(pictures=[a_picture(), URL], attributes={"price": 1, "sizes": ["S"]})
    first = pipeline.accepted(stated)
    assert pipeline.accepted(stated).id == first.id
    pipeline.work()  # in which the picture turns out not to be there
    again = pipeline.accepted(stated)
    assert (again.version, again.state) == (2, UploadState.ACCEPTED)


def test_the_same_version_again_is_the_same_upload_and_with_other_content_a_conflict(pipeline: Pipeline) -> None:
    first = pipeline.accepted(a_submission(version=3))
    pipeline.accepted(a_submission(title="newer", version=5))
    assert pipeline.accepted(a_submission(version=3)).id == first.id
    before = pipeline.everything()
    error = pipeline.refused(a_submission(title="other", version=3, pictures=[a_picture()]))
    assert error.code == "version_conflict"
    assert pipeline.everything() == before


def test_a_late_version_is_superseded_and_leaves_no_picture(pipeline: Pipeline) -> None:
    pipeline.accepted(a_submission(version=3))
    late = pipeline.accepted(a_submission(title="older", version=2, pictures=[a_picture()]))
    assert late.state is UploadState.SUPERSEDED
    assert pipeline.blobs.stored == {}


def test_an_idempotency_key_brings_the_same_answer_for_the_same_request_alone(pipeline: Pipeline) -> None:
    first = pipeline.accepted(a_submission(idempotency_key="key"))
    pipeline.accepted(a_submission(title="meanwhile"))
    assert pipeline.accepted(a_submission(idempotency_key="key")).id == first.id
    for other in (a_submission(title="other", idempotency_key="key"), a_submission(version=9, idempotency_key="key")):
        assert pipeline.refused(other).code == "idempotency_key_reused"
    assert (
        pipeline.accepted(a_deletion(idempotency_key="gone")).id
        == pipeline.accepted(a_deletion(idempotency_key="gone")).id
    )


def test_a_patch_changes_and_takes_away_attributes_and_keeps_the_rest(pipeline: Pipeline) -> None:
    pipeline.accepted(a_submission(pictures=[a_picture()], attributes={"price": 1, "colour": "red"}))
    patch = pipeline.accepted(a_patch(changes={"price": 2.5, "colour": None}))
    assert (patch.kind, patch.version) == (UploadKind.PATCH, 2)
    stored = pipeline.product()
    assert stored is not None
    assert stored.product.attributes == {"price": 2.5}
    assert [picture.content_hash for picture in stored.pictures] == list(pipeline.blobs.stored)
    assert pipeline.accepted(a_patch(changes={"price": 2.5})).id == patch.id


def test_a_deletion_that_overtakes_its_product_wins(pipeline: Pipeline) -> None:
    tombstone = pipeline.accepted(a_deletion(version=5))
    late = pipeline.accepted(a_submission(version=4, pictures=[a_picture()]))
    assert (late.state, pipeline.product()) == (UploadState.SUPERSEDED, None)
    assert pipeline.refused(a_deletion()).code == "unknown_product"
    pipeline.work()
    assert pipeline.receipt(tombstone).state is UploadState.INDEXED
    assert pipeline.accepted(a_submission()).version == 6


@pytest.mark.parametrize("when", ["staged", "stored"])
def test_pictures_are_stored_before_the_rows_are_seen(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    def down(*_: object) -> None:
        raise BlobsUnavailable("the disk is full")

    @contextmanager
    def staged(_: object) -> Iterator[Store]:
        if when == "staged":
            down()
        yield down

    monkeypatch.setattr(pipeline.blobs, "staged", staged)
    before = pipeline.everything()
    with pytest.raises(BlobsUnavailable):
        pipeline.accept(a_submission(pictures=[a_picture()], idempotency_key="key"))
    assert pipeline.everything() == before


def test_the_same_picture_of_two_products_is_stored_once_under_its_hash(pipeline: Pipeline) -> None:
    pipeline.accept(a_submission("a", pictures=[a_picture()]), a_submission("b", pictures=[a_picture()] * 2))
    ((name, blob),) = pipeline.blobs.stored.items()
    assert name == picture_hash(blob.content)
