"""Intake: pictures behind URLs, fetched, checked and stored; those that cannot be had are marked."""

from datetime import timedelta

import pytest

from app.domain.errors import BlobsUnavailable, FetchFailed, FetchRefused, UrlNotAllowed
from app.domain.uploads import MAX_ATTEMPTS, Picture, Stage, UploadState
from tests.factories import a_picture, a_submission
from tests.pipelines import Pipeline

GOOD, BAD = "https://example.org/good.jpg", "https://example.org/bad.jpg"


def pictures(pipeline: Pipeline) -> tuple[Picture, ...]:
    stored = pipeline.product()
    assert stored is not None
    return stored.pictures


def test_a_picture_behind_a_url_becomes_one_that_came_along(pipeline: Pipeline) -> None:
    pipeline.fetcher.web[GOOD] = a_picture(size=(30, 20))
    upload = pipeline.accepted(a_submission(pictures=[a_picture("blue"), GOOD]))
    assert pipeline.run(Stage.INTAKE) == 1
    assert pipeline.receipt(upload).state is UploadState.FETCHED
    fetched = pictures(pipeline)[1]
    assert (fetched.url, fetched.width, fetched.height, fetched.error_code) == (GOOD, 30, 20, None)
    assert fetched.content_hash in pipeline.blobs.stored
    assert pipeline.jobs.woken == [Stage.INTAKE, Stage.ENCODE]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (FetchRefused("404"), "fetch_refused"),
        (UrlNotAllowed("it leads to a private address"), "url_not_allowed"),
        (b"<html>", "image_format"),
        (a_picture()[:200], "image_corrupt"),
    ],
)
def test_a_picture_that_cannot_be_used_is_marked_and_the_product_goes_on(
    pipeline: Pipeline, answer: bytes | FetchRefused, code: str
) -> None:
    pipeline.fetcher.web |= {GOOD: a_picture(), BAD: answer}
    upload = pipeline.accepted(a_submission(pictures=[BAD, GOOD]))
    pipeline.work()
    assert pipeline.receipt(upload).state is UploadState.INDEXED
    bad, good = pictures(pipeline)
    assert (bad.error_code, bad.content_hash, good.error_code) == (code, None, None)
    assert bad.error_detail
    assert pipeline.rows() == {"p": 1, "p#1": 1}
    assert pipeline.fetcher.asked[BAD] == 1


def test_a_server_that_may_answer_later_is_asked_again_and_costs_others_nothing(pipeline: Pipeline) -> None:
    pipeline.fetcher.web |= {GOOD: a_picture(), BAD: FetchFailed("503")}
    pipeline.accept(a_submission("slow", pictures=[BAD]), a_submission("quick", pictures=[GOOD]))
    pipeline.work()
    assert (pipeline.states("quick"), pipeline.states("slow")) == ({1: "indexed"}, {1: "accepted"})
    assert pipeline.fetcher.asked[BAD] == 1  # and not before its delay is over
    (slow,) = [one for one in pipeline.receipts() if one.product_id == "slow"]
    assert (slow.attempts, slow.error_code, slow.error_detail) == (1, "fetch_failed", "503")
    assert slow.next_attempt_at is not None
    pipeline.fetcher.web[BAD] = a_picture()
    pipeline.wait()
    pipeline.work()
    assert pipeline.states("slow") == {1: "indexed"}
    assert {one.error_code for one in pipeline.receipts()} == {None}
    assert pipeline.rows("slow") == {"slow": 1, "slow#0": 1}


def test_a_server_that_never_answers_costs_the_picture_and_not_the_product(pipeline: Pipeline) -> None:
    pipeline.fetcher.web[BAD] = FetchFailed("it takes too long")
    upload = pipeline.accepted(a_submission(pictures=[BAD]))
    for _ in range(MAX_ATTEMPTS):
        pipeline.work()
        pipeline.wait()
    assert pipeline.receipt(upload).state is UploadState.INDEXED
    assert pictures(pipeline)[0].error_code == "fetch_failed"
    assert pipeline.fetcher.asked[BAD] == MAX_ATTEMPTS


def test_a_store_that_does_not_answer_costs_no_attempt(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: object) -> None:
        raise BlobsUnavailable("the disk is full")

    pipeline.fetcher.web[GOOD] = a_picture()
    upload = pipeline.accepted(a_submission(pictures=[GOOD]))
    with monkeypatch.context() as patched:
        patched.setattr(pipeline.blobs, "put", down)
        for _ in range(MAX_ATTEMPTS + 1):
            pipeline.work()
            pipeline.wait()
    told = pipeline.receipt(upload)
    assert (told.state, told.attempts, told.error_code) == (UploadState.ACCEPTED, 0, "blobs_unavailable")
    assert "disk" not in (told.error_detail or "")  # what is wrong with a part of ours is no uploader's business
    pipeline.work()
    assert pipeline.receipt(upload).state is UploadState.INDEXED


def test_a_worker_that_lost_its_lease_does_not_mark_what_another_fetched(pipeline: Pipeline) -> None:
    upload = pipeline.accepted(a_submission(pictures=[BAD]))
    with pipeline.database.writing() as transaction:
        slow = transaction.uploads.claim(Stage.INTAKE, limit=1, lease=timedelta(seconds=-1))
    finish = pipeline.begins[Stage.INTAKE](slow)
    outcome = finish()
    pipeline.fetcher.web[BAD] = a_picture()
    pipeline.run(Stage.INTAKE)
    with pipeline.database.writing() as transaction:
        outcome.record(transaction, transaction.uploads.advance(Stage.INTAKE, outcome.done))
    assert pictures(pipeline)[0].error_code is None
    assert pipeline.receipt(upload).state is UploadState.FETCHED
