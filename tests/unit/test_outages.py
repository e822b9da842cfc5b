"""What an outside thing says when it fails is for the log: whoever asked is told in words of ours."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from kombu.exceptions import OperationalError
from pymilvus import MilvusException
from pymilvus.exceptions import ConnectError

from app.adapters.blobs import folder, s3
from app.adapters.celery.jobs import CeleryJobs, make_celery
from app.adapters.milvus.faults import translated
from app.domain.errors import BrokerUnavailable, Unavailable
from app.domain.uploads import Stage

SECRET = "db7.internal:19530/secret"


@pytest.mark.parametrize(
    ("translating", "error"),
    [
        (translated, ConnectError(message=f"<ConnectError: {SECRET}>")),
        (translated, MilvusException(code=1, message=f"no quota at {SECRET}")),
        (translated, ConnectionRefusedError(111, f"refused by {SECRET}")),
        (folder._translated, PermissionError(13, f"Permission denied by {SECRET}", f"/{SECRET}")),
        (s3._translated, EndpointConnectionError(endpoint_url=f"http://{SECRET}")),
        (s3._translated, ClientError({"Error": {"Code": "AccessDenied", "Message": SECRET}}, "PutObject")),
    ],
)
def test_a_failure_is_told_in_our_words_and_logged_in_the_drivers(
    translating: Callable[[], AbstractContextManager[None]], error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "app.adapters"), pytest.raises(Unavailable) as raised, translating():
        raise error
    assert raised.value.detail
    assert "db7" not in raised.value.detail
    assert [record for record in caplog.records if SECRET in record.detail]  # type: ignore[attr-defined]


@pytest.mark.parametrize("call", [lambda jobs: jobs.wake(Stage.INTAKE), lambda jobs: jobs.ping()])
def test_a_broker_that_fails_is_told_of_without_its_address(
    call: Callable[[CeleryJobs], None], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OperationalError(f"no route to {SECRET}")

    celery = make_celery("memory://")
    monkeypatch.setattr(celery, "send_task", fail)
    monkeypatch.setattr(celery, "connection_for_write", fail)
    with caplog.at_level(logging.WARNING, "app.adapters"), pytest.raises(BrokerUnavailable) as raised:
        call(CeleryJobs(celery))
    assert "db7" not in raised.value.detail
    assert [record for record in caplog.records if SECRET in record.detail]  # type: ignore[attr-defined]
