"""Running a stage: batches overlap, whatever goes wrong is decided in one place, and nothing is forgotten."""

from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from itertools import pairwise

import pytest

from app.domain.errors import BadVector, DatabaseUnavailable, EncoderNotFound, Misconfigured, StoreUnavailable
from app.domain.uploads import MAX_ATTEMPTS, Claim, Stage, UploadState
from app.ports.database import Transaction
from app.ports.uploads import Failure
from app.services.run_stage import Batching, Begin, Outcome, run_stage
from app.services.sweep import sweep
from tests.factories import a_submission
from tests.pipelines import Pipeline


def moving_on(claims: Sequence[Claim]) -> Outcome:
    return Outcome(claims, lambda _transaction, _moved: None)


def run(pipeline: Pipeline, begin: Begin, *, limit: int = 2, stopping: Callable[[], bool] = lambda: False) -> int:
    batching = Batching(limit, timedelta(minutes=1))
    return run_stage(
        Stage.ENCODE, pipeline.database, pipeline.jobs, batching=batching, begin=begin, stopping=stopping
    )


@pytest.fixture
def waiting(pipeline: Pipeline) -> Pipeline:
    """Five uploads wait to be encoded."""
    pipeline.accept(*(a_submission(f"p{place}") for place in range(5)))
    pipeline.jobs.woken.clear()
    return pipeline


def all_states(pipeline: Pipeline) -> set[UploadState]:
    return {state for place in range(5) for state in pipeline.states(f"p{place}").values()}


def test_the_next_batch_begins_before_the_one_ahead_is_finished(waiting: Pipeline) -> None:
    events: list[str] = []

    def begin(claims: Sequence[Claim]) -> Callable[[], Outcome]:
        name = str(len(events))
        events.append(f"begin {len(claims)}")

        def finish() -> Outcome:
            events.append(f"finish {name}")
            return moving_on(claims)

        return finish

    assert run(waiting, begin) == 5
    assert events == ["begin 2", "begin 2", "finish 0", "begin 1", "finish 1", "finish 3"]
    assert waiting.jobs.woken == [Stage.INDEX] * 3


def test_a_stage_that_is_stopped_finishes_what_it_holds_and_takes_no_more(waiting: Pipeline) -> None:
    assert run(waiting, lambda claims: lambda: moving_on(claims), stopping=lambda: True) == 2
    with waiting.database.reading() as transaction:
        assert transaction.uploads.due()[Stage.ENCODE] == 3


@pytest.mark.parametrize(
    "error", [StoreUnavailable("it is down"), EncoderNotFound("no such model"), Misconfigured("no such folder")]
)
@pytest.mark.parametrize("when", ["begin", "finish"])
def test_what_is_mended_outside_costs_no_attempt(waiting: Pipeline, error: Exception, when: str) -> None:
    def begin(claims: Sequence[Claim]) -> Callable[[], Outcome]:
        if when == "begin":
            raise error

        def finish() -> Outcome:
            raise error

        return finish

    for _ in range(MAX_ATTEMPTS + 1):
        assert run(waiting, begin) == 0
        waiting.wait()
    assert all_states(waiting) == {UploadState.FETCHED}
    assert run(waiting, lambda claims: lambda: moving_on(claims)) == 5


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (StoreUnavailable("at 10.0.0.7"), "store_unavailable"),
        (Misconfigured("no /etc/secret"), "misconfigured"),
        (BadVector("of /etc/secret"), "bad_vector"),
        (RuntimeError("in /etc/secret"), "attempt_failed"),
    ],
)
def test_what_waits_says_why_and_not_where(waiting: Pipeline, error: Exception, code: str) -> None:
    def begin(_: Sequence[Claim]) -> Callable[[], Outcome]:
        raise error

    run(waiting, begin, limit=64)
    for told in waiting.receipts():
        assert told.error_code == code
        assert told.error_detail
        assert not [word for word in ("10.0.0.7", "secret") if word in told.error_detail]
        assert told.next_attempt_at is not None
    waiting.wait()
    assert run(waiting, lambda claims: lambda: moving_on(claims), limit=1) == 5
    assert {one.error_code for one in waiting.receipts()} == {None}


def test_what_is_given_back_is_not_due_at_once(waiting: Pipeline) -> None:
    def begin(_: Sequence[Claim]) -> Callable[[], Outcome]:
        raise StoreUnavailable("it is down")

    run(waiting, begin)
    with waiting.database.reading() as transaction:
        assert transaction.uploads.due()[Stage.ENCODE] == 0


def test_a_poisonous_upload_ends_alone_and_its_neighbours_go_on(waiting: Pipeline) -> None:
    def begin(claims: Sequence[Claim]) -> Callable[[], Outcome]:
        if any(claim.product.product_id == "p3" for claim in claims):
            raise RuntimeError("the decoder fell over")
        return lambda: moving_on(claims)

    for _ in range(MAX_ATTEMPTS + 1):
        run(waiting, begin, limit=64)
        waiting.wait()
    assert waiting.states("p3") == {1: UploadState.DEAD}
    others = {state for place in (0, 1, 2, 4) for state in waiting.states(f"p{place}").values()}
    assert others == {UploadState.ENCODED}


def test_attempts_are_further_apart_every_time(waiting: Pipeline) -> None:
    delays: list[float] = []

    def begin(_: Sequence[Claim]) -> Callable[[], Outcome]:
        raise RuntimeError("it fell over")

    for _ in range(MAX_ATTEMPTS - 1):
        run(waiting, begin, limit=1_000_000)
        with waiting.database.engine.connect() as connection, waiting.database.reading() as transaction:
            due = connection.exec_driver_sql(
                "SELECT max(julianday(due_at) - julianday('now')) FROM uploads"
            ).scalar_one()
            assert transaction.uploads.due()[Stage.ENCODE] == 0
        delays.append(due * 86_400)
        waiting.wait()
    assert all(later > 1.5 * sooner for sooner, later in pairwise(delays))


def test_a_failure_is_a_death_with_its_reason_and_the_rest_of_the_batch_moves(waiting: Pipeline) -> None:
    def begin(claims: Sequence[Claim]) -> Callable[[], Outcome]:
        bad = [claim for claim in claims if claim.product.product_id == "p0"]
        failures = {claim.upload_id: Failure(BadVector.code, "not a number") for claim in bad}
        good = [claim for claim in claims if claim not in bad]
        return lambda: Outcome(good, lambda _transaction, _moved: None, failures)

    assert run(waiting, begin) == 4
    assert waiting.states("p0") == {1: UploadState.DEAD}


def test_claims_an_outcome_does_not_name_are_tried_again(waiting: Pipeline) -> None:
    assert run(waiting, lambda _: lambda: moving_on([]), limit=64) == 0
    assert {(one.attempts, one.error_code) for one in waiting.receipts()} == {(1, "attempt_failed")}
    waiting.wait()
    assert run(waiting, lambda claims: lambda: moving_on(claims), limit=64) == 5


def test_a_batch_is_finished_even_if_the_next_cannot_be_claimed(
    waiting: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    working = waiting.database.writing
    asked: list[int] = []

    def failing_at_the_second() -> object:
        asked.append(1)
        if len(asked) == 2:
            raise DatabaseUnavailable("it is being restarted")
        return working()

    monkeypatch.setattr(waiting.database, "writing", failing_at_the_second)
    with pytest.raises(DatabaseUnavailable):
        run(waiting, lambda claims: lambda: moving_on(claims))
    with waiting.database.reading() as transaction:
        assert transaction.uploads.counts()[UploadState.ENCODED] == 2


class FailingWrites:
    """Opens transactions; those whose place is among `failing` find no database."""

    def __init__(self, pipeline: Pipeline, failing: Collection[int], monkeypatch: pytest.MonkeyPatch) -> None:
        self._writing, self._failing, self.opened = pipeline.database.writing, failing, 0
        monkeypatch.setattr(pipeline.database, "writing", self)
        monkeypatch.setattr("app.services.run_stage.WRITING_PAUSES_S", (0.0, 0.0))

    def __call__(self) -> object:
        self.opened += 1
        if self.opened in self._failing:
            raise DatabaseUnavailable("it is being restarted")
        return self._writing()


def attempts(pipeline: Pipeline) -> list[tuple[int, bool]]:
    """Of every upload: its attempts, and whether a worker holds it."""
    with pipeline.database.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT attempts, token IS NOT NULL FROM uploads ORDER BY product_id")
        return [(row[0], bool(row[1])) for row in rows]


@pytest.mark.parametrize("begins", [True, False])
def test_what_became_of_a_batch_is_written_down_once_the_database_answers_again(
    waiting: Pipeline, monkeypatch: pytest.MonkeyPatch, begins: bool
) -> None:
    def begin(claims: Sequence[Claim]) -> Callable[[], Outcome]:
        if not begins:
            raise StoreUnavailable("it is down")
        return lambda: moving_on(claims)

    writes = FailingWrites(waiting, {2, 3}, monkeypatch)  # the first one claims
    assert run(waiting, begin, limit=64, stopping=lambda: True) == (5 if begins else 0)
    assert writes.opened == 4
    assert attempts(waiting) == [(0, False)] * 5


def test_what_an_outage_holds_up_waits_unblamed_with_its_reason_and_the_rest_of_the_batch_moves(
    waiting: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    def begin(claims: Sequence[Claim]) -> Callable[[], Outcome]:
        away = {claims[0].upload_id: Failure("blobs_unavailable", "its picture is away")}
        return lambda: Outcome(claims[1:], lambda _transaction, _moved: None, blameless=away)

    writes = FailingWrites(waiting, {2}, monkeypatch)  # the first one claims
    assert run(waiting, begin, limit=64, stopping=lambda: True) == 4
    assert writes.opened == 3  # all of the batch in one
    assert attempts(waiting) == [(0, False)] * 5
    told = {one.product_id: (one.error_code, one.error_detail) for one in waiting.receipts()}
    assert told == dict.fromkeys(told, (None, None)) | {"p0": ("blobs_unavailable", "its picture is away")}
    with waiting.database.reading() as transaction:
        assert transaction.uploads.due() == {Stage.INTAKE: 0, Stage.ENCODE: 0, Stage.INDEX: 4}


def test_a_batch_that_cannot_be_written_down_is_given_back_unblamed(
    waiting: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    FailingWrites(waiting, {2, 3, 4}, monkeypatch)
    assert run(waiting, lambda claims: lambda: moving_on(claims), limit=64, stopping=lambda: True) == 0
    assert attempts(waiting) == [(0, False)] * 5


def test_the_batch_ahead_is_finished_even_if_the_one_before_can_be_neither_written_nor_given_back(
    waiting: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    FailingWrites(waiting, range(3, 9), monkeypatch)  # after two claims
    with pytest.raises(DatabaseUnavailable):
        run(waiting, lambda claims: lambda: moving_on(claims))
    assert sorted(attempts(waiting)) == [(0, False)] * 3 + [(1, True)] * 2
    with waiting.database.reading() as transaction:
        assert transaction.uploads.counts()[UploadState.ENCODED] == 2


def test_results_that_cannot_be_recorded_cost_an_attempt_and_no_lease(waiting: Pipeline) -> None:
    def fail(_transaction: Transaction, _moved: Collection[str]) -> None:
        raise RuntimeError("it does not fit")

    assert run(waiting, lambda claims: lambda: Outcome(claims, fail), limit=64) == 0
    assert attempts(waiting) == [(1, False)] * 5


def test_a_broker_that_does_not_answer_stops_nothing(waiting: Pipeline) -> None:
    waiting.jobs.down = True
    assert run(waiting, lambda claims: lambda: moving_on(claims)) == 5


def test_a_sweep_wakes_the_stages_that_have_something_due(waiting: Pipeline) -> None:
    assert sweep(waiting.database, waiting.jobs) == {Stage.INTAKE: 0, Stage.ENCODE: 5, Stage.INDEX: 0}
    assert waiting.jobs.woken == [Stage.ENCODE]
