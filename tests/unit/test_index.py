"""Indexing: what the store holds of a product is its newest version, whole, and nothing else."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from app.domain.builds import BuildState
from app.domain.errors import StoreUnavailable
from app.domain.uploads import MAX_ATTEMPTS, Claim, Stage, UploadState
from app.services.run_stage import Outcome
from tests.factories import a_build, a_deletion, a_patch, a_picture, a_submission
from tests.pipelines import Pipeline

RED, BLUE, GREEN = a_picture("red"), a_picture("blue"), a_picture("green")
OVER = timedelta(seconds=-1)


def encoded(pipeline: Pipeline, colours: Sequence[bytes] = (), **stated: object) -> None:
    pipeline.accepted(a_submission(pictures=colours, **stated))
    pipeline.run(Stage.INTAKE)
    pipeline.run(Stage.ENCODE)


def claim(pipeline: Pipeline, *, lease: timedelta = timedelta(minutes=1)) -> list[Claim]:
    with pipeline.database.writing() as transaction:
        return transaction.uploads.claim(Stage.INDEX, limit=10, lease=lease)


def end(pipeline: Pipeline, outcome: Outcome) -> set[str]:
    with pipeline.database.writing() as transaction:
        moved = transaction.uploads.advance(Stage.INDEX, outcome.done)
        outcome.record(transaction, moved)
    return moved


def test_a_row_for_every_picture_and_one_for_the_caption(pipeline: Pipeline) -> None:
    encoded(pipeline, [RED, BLUE])
    pipeline.work()
    assert pipeline.rows() == {"p": 1, "p#0": 1, "p#1": 1}
    with pipeline.database.reading() as transaction:
        assert transaction.holdings.count(pipeline.live().id) == 1


def test_the_same_picture_twice_is_one_row(pipeline: Pipeline) -> None:
    encoded(pipeline, [RED, RED, BLUE])
    pipeline.work()
    assert pipeline.rows() == {"p": 1, "p#0": 1, "p#2": 1}


@pytest.mark.parametrize("fewer", [[], [GREEN], [RED, RED]])
def test_a_version_with_fewer_pictures_leaves_no_row_of_the_older_one(pipeline: Pipeline, fewer: list[bytes]) -> None:
    encoded(pipeline, [RED, BLUE, GREEN])
    pipeline.work()
    encoded(pipeline, fewer)
    pipeline.work()
    assert pipeline.rows() == {"p": 2} | ({"p#0": 2} if fewer else {})


def test_a_deletion_leaves_no_row(pipeline: Pipeline) -> None:
    encoded(pipeline, [RED, BLUE])
    pipeline.work()
    pipeline.accepted(a_deletion())
    pipeline.work()
    assert pipeline.rows() == {}
    assert pipeline.count("build_products") == 0


def test_a_patch_brings_its_version_to_every_row(pipeline: Pipeline) -> None:
    encoded(pipeline, [RED, BLUE])
    pipeline.work()
    pipeline.accepted(a_patch(changes={"price": 1}))
    pipeline.work()
    assert pipeline.rows() == {"p": 2, "p#0": 2, "p#1": 2}


def test_a_store_that_does_not_answer_costs_no_attempt(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: object) -> None:
        raise StoreUnavailable("Milvus does not answer")

    encoded(pipeline, [RED])
    with monkeypatch.context() as patched:
        patched.setattr(pipeline.store, "upsert", down)
        for _ in range(MAX_ATTEMPTS + 1):
            pipeline.run(Stage.INDEX)
            pipeline.wait()
    assert pipeline.states() == {1: UploadState.ENCODED}
    pipeline.work()
    assert pipeline.states() == {1: UploadState.INDEXED}


def test_what_a_read_does_not_find_is_not_indexed(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline.accept(a_submission("lost"), a_submission("kept"))
    pipeline.run(Stage.ENCODE)
    written = pipeline.store.upsert

    def forgetful(collection: str, rows: Sequence[object]) -> None:
        written(collection, [row for row in rows if row.product_id != "lost"])

    with monkeypatch.context() as patched:
        patched.setattr(pipeline.store, "upsert", forgetful)
        pipeline.run(Stage.INDEX)
    assert (pipeline.states("lost"), pipeline.states("kept")) == ({1: "encoded"}, {1: "indexed"})
    pipeline.wait()
    pipeline.work()
    assert pipeline.states("lost") == {1: "indexed"}


def test_an_older_version_written_after_the_newest_is_written_over(pipeline: Pipeline) -> None:
    """Two workers: the older version's is slow, and its rows land on top of the newer ones."""
    encoded(pipeline, [RED, BLUE, GREEN])
    slow = pipeline.begins[Stage.INDEX](claim(pipeline))
    encoded(pipeline, [BLUE], title="newer")
    pipeline.run(Stage.INDEX)
    assert pipeline.rows() == {"p": 2, "p#0": 2}
    assert end(pipeline, slow()) == set()
    assert pipeline.rows() == {"p": 1, "p#0": 1, "p#1": 1, "p#2": 1}
    pipeline.work()
    assert pipeline.rows() == {"p": 2, "p#0": 2}
    assert pipeline.states() == {1: "superseded", 2: "indexed"}


def test_an_older_version_written_between_a_newer_ones_plan_and_its_end_is_written_over(pipeline: Pipeline) -> None:
    encoded(pipeline, [BLUE])
    older = claim(pipeline)
    encoded(pipeline, [RED], title="newer")
    newer = pipeline.begins[Stage.INDEX](claim(pipeline))()
    assert end(pipeline, pipeline.begins[Stage.INDEX](older)()) == set()
    assert end(pipeline, newer) == set()
    pipeline.work()
    assert pipeline.rows() == {"p": 2, "p#0": 2}
    assert pipeline.states() == {1: "superseded", 2: "indexed"}


def test_what_a_worker_wrote_that_died_is_gone_once_the_newest_is_indexed(pipeline: Pipeline) -> None:
    """It wrote three pictures of version 1 after version 2, which has one, was planned."""
    encoded(pipeline, [RED, BLUE, GREEN])
    dying = claim(pipeline)
    encoded(pipeline, [BLUE], title="newer")
    newer = pipeline.begins[Stage.INDEX](claim(pipeline))
    outcome = newer()
    pipeline.begins[Stage.INDEX](dying)()
    assert end(pipeline, outcome)
    pipeline.wait()
    pipeline.work()
    assert pipeline.rows() == {"p": 2, "p#0": 2}


def test_a_worker_that_wakes_after_a_deletion_brings_nothing_back(pipeline: Pipeline) -> None:
    encoded(pipeline, [RED, BLUE])
    slow = pipeline.begins[Stage.INDEX](claim(pipeline, lease=OVER))
    pipeline.accepted(a_deletion())
    pipeline.work()
    end(pipeline, slow())
    assert pipeline.rows() != {}
    pipeline.work()
    assert pipeline.rows() == {}
    assert pipeline.count("build_products") == 0
    assert pipeline.states() == {1: "superseded", 2: "indexed"}


def test_a_worker_that_stalls_between_its_note_and_its_rows_leaves_none_of_them(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded(pipeline, [RED, BLUE, GREEN])
    stalled = claim(pipeline, lease=OVER)
    written = pipeline.store.upsert

    def stalling(collection: str, rows: Sequence[object]) -> None:
        monkeypatch.setattr(pipeline.store, "upsert", written)
        encoded(pipeline, [BLUE], title="newer")
        pipeline.work()
        assert pipeline.states() == {1: "superseded", 2: "indexed"}
        written(collection, rows)

    monkeypatch.setattr(pipeline.store, "upsert", stalling)
    end(pipeline, pipeline.begins[Stage.INDEX](stalled)())
    pipeline.work()
    assert pipeline.rows() == {"p": 2, "p#0": 2}


def test_what_a_new_build_has_no_embedding_for_is_encoded_again(pipeline: Pipeline) -> None:
    encoded(pipeline, [RED])
    building = a_build(state=BuildState.BUILDING, weights="1")
    with pipeline.database.writing() as transaction:
        transaction.builds.add(building)
    for collection in (building.images, building.texts):
        pipeline.store.create(collection, dimension=building.encoder.dimension, index=building.index)
    pipeline.jobs.woken.clear()
    pipeline.run(Stage.INDEX)
    assert pipeline.states() == {1: UploadState.FETCHED}
    assert pipeline.jobs.woken == [Stage.ENCODE]
