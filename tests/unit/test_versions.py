"""The rule of versions: the newest accepted one wins, whatever the order of arrival."""

from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.errors import Conflict
from app.domain.submissions import Submission
from app.domain.uploads import MAX_VERSION, Newest, Upload, UploadState, Verdict, decide
from tests.factories import a_deletion, a_picture, a_submission
from tests.pipelines import Pipeline

OLD, NEW = "0" * 64, "1" * 64
SETTLED = Newest(4, OLD, "upload", deleted=False, settled=True)


def test_without_a_version_the_next_one_is_assigned() -> None:
    assert decide(Newest(), None, version=None, digest=NEW, content_digest=NEW) == Verdict(1)
    assert decide(SETTLED, None, version=None, digest=NEW, content_digest=NEW) == Verdict(5)


def test_stating_what_is_there_is_no_change_unless_it_went_badly() -> None:
    assert decide(SETTLED, None, version=None, digest=OLD, content_digest=OLD) == Verdict(4, upload_id="upload")
    unsettled = Newest(4, OLD, "upload", deleted=False, settled=False)
    assert decide(unsettled, None, version=None, digest=OLD, content_digest=OLD) == Verdict(5)


def test_a_patch_that_changes_nothing_is_no_change() -> None:
    assert decide(SETTLED, None, version=None, digest=NEW, content_digest=OLD).upload_id == "upload"


@pytest.mark.parametrize(("version", "newest"), [(1, False), (3, False), (5, True), (MAX_VERSION, True)])
def test_a_stated_version_is_the_newest_only_above_it(version: int, newest: bool) -> None:
    verdict = decide(SETTLED, None, version=version, digest=NEW, content_digest=NEW)
    assert verdict == Verdict(version, newest=newest)


def test_the_same_version_again_is_the_same_upload_or_a_conflict() -> None:
    known = ("first", NEW)
    assert decide(SETTLED, known, version=4, digest=NEW, content_digest=NEW).upload_id == "first"
    with pytest.raises(Conflict) as raised:
        decide(SETTLED, known, version=4, digest=OLD, content_digest=OLD)
    assert raised.value.code == "version_conflict"


def test_beyond_the_highest_version_none_can_be_assigned() -> None:
    highest = Newest(MAX_VERSION, OLD, "upload", deleted=False, settled=True)
    with pytest.raises(Conflict):
        decide(highest, None, version=None, digest=NEW, content_digest=NEW)


@pytest.fixture(scope="module")
def shared(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    opened = Pipeline(migrated, tmp_path_factory.mktemp("versions"))
    yield opened
    opened.close()


names = count()


def change(product_id: str, version: int) -> Submission:
    """Version 4 of 5 is the deletion; the others have different words and pictures."""
    if version == 4:
        return a_deletion(product_id, version=version)
    pictures = [a_picture(colour) for colour in ("red", "green", "blue", "yellow")[: version - 1]]
    return a_submission(product_id, f"version {version}", version=version, pictures=pictures)


arrivals = st.permutations([1, 2, 3, 4, 5]).flatmap(
    lambda order: st.lists(st.sampled_from(order), max_size=4).flatmap(lambda more: st.permutations([*order, *more]))
)


@settings(max_examples=40, deadline=None)
@given(arrivals, st.sets(st.integers(0, 8)))
def test_whatever_arrives_in_whatever_order_the_newest_is_found_and_all_is_settled(
    shared: Pipeline, order: Sequence[int], pauses: set[int]
) -> None:
    product_id = f"p{next(names)}"
    receipts: dict[int, set[str]] = {}
    for place, version in enumerate(order):
        receipts.setdefault(version, set()).add(shared.accepted(change(product_id, version)).id)
        if place in pauses:
            shared.work()
    shared.work()
    assert all(len(ids) == 1 for ids in receipts.values())
    states = shared.states(product_id)
    assert states.pop(5) is UploadState.INDEXED
    # An older version may have been indexed in its time; it is not what is found.
    assert set(states.values()) <= {UploadState.INDEXED, UploadState.SUPERSEDED}
    rows = {product_id: 5} | {f"{product_id}#{position}": 5 for position in range(4)}
    assert shared.rows(product_id) == rows


@settings(max_examples=15, deadline=None)
@given(st.permutations([1, 2, 3, 4]), st.sets(st.integers(0, 3)))
def test_a_deletion_that_is_the_newest_leaves_no_vector_whatever_comes_late(
    shared: Pipeline, order: Sequence[int], pauses: set[int]
) -> None:
    product_id = f"p{next(names)}"
    for place, version in enumerate(order):
        shared.accepted(change(product_id, version))
        if place in pauses:
            shared.work()
    shared.work()
    assert shared.rows(product_id) == {}
    assert shared.product(product_id) is None
    assert shared.states(product_id)[4] is UploadState.INDEXED


def test_versions_of_one_product_in_one_batch_leave_only_what_the_last_one_needs(pipeline: Pipeline) -> None:
    first, second = (a_submission(pictures=[a_picture(colour)]) for colour in ("red", "blue"))
    outcomes = pipeline.accept(first, second)
    assert [(one.version, one.state) for one in outcomes if isinstance(one, Upload)] == [
        (1, "superseded"),
        (2, "fetched"),
    ]
    assert len(pipeline.blobs.stored) == 1
    pipeline.work()
    assert pipeline.rows() == {"p": 2, "p#0": 2}
