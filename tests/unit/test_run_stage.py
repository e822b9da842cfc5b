"""Running a stage: batches overlap, whatever goes wrong is decided in one place, and nothing is forgotten."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import pairwise

import pytest

from app.domain.errors import BadVector, DatabaseUnavailable, EncoderNotFound, Misconfigured, StoreUnavailable
from app.domain.uploads import MAX_ATTEMPTS, Claim, Stage, UploadState
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


def test_a_broker_that_does_not_answer_stops_nothing(waiting: Pipeline) -> None:
    waiting.jobs.down = True
    assert run(waiting, lambda claims: lambda: moving_on(claims)) == 5


def test_a_sweep_wakes_the_stages_that_have_something_due(waiting: Pipeline) -> None:
    assert sweep(waiting.database, waiting.jobs) == {Stage.INTAKE: 0, Stage.ENCODE: 5, Stage.INDEX: 0}
    assert waiting.jobs.woken == [Stage.ENCODE]
