"""Says which failures of Milvus pass by themselves; every other one is a mistake of ours and goes on as it is."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import grpc  # type: ignore[import-untyped]  # it publishes no types
from pymilvus import MilvusException
from pymilvus.exceptions import ConnectError, ConnectionNotExistException, MilvusUnavailableException

from app.domain.errors import StoreUnavailable

log = logging.getLogger(__name__)

NOT_LOADED = frozenset({101, 103})  # the second says: not fully

MISSING = frozenset({4, 100})  # collection not found: the code of milvus-lite and of 2.2, and that of 2.3 on
_PASSING = (
    frozenset({1, 2, 3, 4, 5, 7, 8, 9, 10})  # not ready, unavailable, internal, out of memory, disk or quota
    | NOT_LOADED  # while a server starts
    | frozenset(range(400, 600))  # replicas, channels
    | {700}  # index not found: a collection that is being made has none yet
    | frozenset(range(901, 1_000))  # nodes
    | frozenset({1_000, 1_001})  # object storage
    | {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.CANCELLED,
    }
)


def index_lost() -> StoreUnavailable:
    """The failure of a build whose collection is gone: uploads and queries wait until it is brought back."""
    return StoreUnavailable(
        "the vector store no longer has the index of a catalog: bring back the data of the store, or write it anew "
        "with `vitrine reconcile`",
        code="index_lost",
    )


@contextmanager
def translated() -> Iterator[None]:
    """Raise `StoreUnavailable` for what passes, and (`index_lost`) for a collection that is not there."""
    try:
        yield
    except (MilvusUnavailableException, ConnectError, ConnectionNotExistException) as error:
        raise _unavailable("Milvus does not answer", error.message) from error
    except MilvusException as error:
        if error.code in MISSING and "collection" in error.message:
            raise index_lost() from error
        if error.code in _PASSING or isinstance(error.__cause__, grpc.RpcError):
            raise _unavailable("Milvus cannot do it now", error.message) from error
        raise
    except grpc.RpcError as error:
        if error.code() in _PASSING:
            raise _unavailable("Milvus does not answer", error.details()) from error
        raise
    except (ConnectionError, TimeoutError) as error:
        raise _unavailable("Milvus does not answer", str(error)) from error


def _unavailable(told: str, detail: str | None) -> StoreUnavailable:
    # The driver's words name hosts and paths: they are for the log, not for whoever asked.
    log.warning("store.unavailable", extra={"detail": detail})
    return StoreUnavailable(told)
