"""Fixtures every test may use. A server starts when the first test asks for it, and serves the whole run."""

import signal
from collections.abc import Iterator

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from tests import services

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell that runs the tests in the background lets them, and all that they start, pass over Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)


class FilesSideBySide(LoadFileScheduling):
    """Tests of a file run one after another, and so do all files that need a Milvus server: one is enough."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return "milvus" if "milvus_server" in (self.config.rootpath / file).read_text() else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> FilesSideBySide:
    """With `-n 2`, say."""
    return FilesSideBySide(config, log)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    with services.postgres() as url:
        yield url


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    with services.redis() as url:
        yield url


@pytest.fixture(scope="session")
def milvus_uri() -> Iterator[str]:
    with services.milvus() as uri:
        yield uri
