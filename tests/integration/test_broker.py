"""Waking workers through a real Redis, and through brokers that are not well; the worker within a process."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from app.adapters.celery.jobs import CeleryJobs, make_celery
from app.bootstrap import open_service
from app.config import Settings
from app.domain.errors import BrokerUnavailable, Misconfigured
from app.domain.uploads import Stage
from tests.fakes.encoders import FakeEncoder, FakeLoader

HANG_S = 1.0
PATIENCE_S = 8.0  # a loaded machine is slow; without the bound it would be the ten seconds of a socket, or more


@pytest.fixture
def hanging_url() -> Iterator[str]:
    """A server that takes connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"


@pytest.fixture
def refusing_url() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    return f"redis://127.0.0.1:{port}/0"


def seconds_of_a_failing_wake(jobs: CeleryJobs) -> float:
    started = time.monotonic()
    with pytest.raises(BrokerUnavailable):
        jobs.wake(Stage.INTAKE)
    return time.monotonic() - started


def test_a_wake_is_one_message_on_the_queue_of_its_stage(redis_url: str) -> None:
    jobs = CeleryJobs(make_celery(redis_url))
    with redis.Redis.from_url(redis_url) as broker:
        before = {stage: broker.llen(stage.value) for stage in Stage}
        for stage in Stage:
            jobs.wake(stage)
        assert {stage: broker.llen(stage.value) - before[stage] for stage in Stage} == dict.fromkeys(Stage, 1)
    jobs.ping()


def test_a_broker_that_refuses_is_told_of_at_once(refusing_url: str) -> None:
    jobs = CeleryJobs(make_celery(refusing_url))
    assert seconds_of_a_failing_wake(jobs) < PATIENCE_S
    with pytest.raises(BrokerUnavailable):
        jobs.ping()


def test_a_broker_that_hangs_holds_up_one_wake_and_not_the_next(hanging_url: str) -> None:
    celery = make_celery(hanging_url)
    celery.conf.broker_transport_options["socket_timeout"] = HANG_S
    jobs = CeleryJobs(celery)
    assert HANG_S <= seconds_of_a_failing_wake(jobs) < PATIENCE_S
    assert seconds_of_a_failing_wake(jobs) < HANG_S


def test_workers_elsewhere_need_a_database_that_they_reach(tmp_path: Path, refusing_url: str) -> None:
    with pytest.raises(Misconfigured, match="VITRINE_DATABASE_URL"):
        open_service(Settings(data=tmp_path / "data", encoder="fake", broker_url=refusing_url))
    assert not (tmp_path / "data").exists()


def test_an_idle_service_stops_at_once(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, encoder="fake")
    service = open_service(settings, loader=FakeLoader(FakeEncoder()))
    time.sleep(0.5)  # its worker is waiting for messages now
    started = time.monotonic()
    service.close()
    assert time.monotonic() - started < PATIENCE_S
