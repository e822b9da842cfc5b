"""Says which failures of Milvus pass by themselves; every other one is a mistake of ours and goes on as it is."""

from collections.abc import Iterator
from contextlib import contextmanager

import grpc  # type: ignore[import-untyped]  # it publishes no types
from pymilvus import MilvusException
from pymilvus.exceptions import ConnectError, ConnectionNotExistException, MilvusUnavailableException

from app.domain.errors import NotFound, StoreUnavailable

_MISSING = frozenset({4, 100})  # collection not found: the code of milvus-lite and of 2.2, and that of 2.3 on
_PASSING = frozenset(
    {
        *(1, 2, 3, 4, 5, 7, 8),  # not ready, unavailable, out of memory, too many requests, internal, disk, rate
        *(9, 10),  # quota, node
        *(101, 103),  # not loaded, not fully loaded
        *range(400, 600),  # replicas, channels
        *range(901, 1000),  # nodes
        *(1000, 1001),  # object storage
    }
)
_GRPC_PASSING = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.CANCELLED,
    }
)


@contextmanager
def translated() -> Iterator[None]:
    """Raise `StoreUnavailable` for what passes, `NotFound` for a collection that is not there."""
    try:
        yield
    except (MilvusUnavailableException, ConnectError, ConnectionNotExistException) as error:
        raise StoreUnavailable(f"Milvus does not answer: {error.message}") from error
    except MilvusException as error:
        if error.code in _MISSING and "collection" in error.message:
            raise NotFound(f"no such collection: {error.message}", code="collection_not_found") from error
        if error.code in _PASSING or isinstance(error.__cause__, grpc.RpcError):
            raise StoreUnavailable(f"Milvus cannot do it now: {error.message}") from error
        raise
    except grpc.RpcError as error:
        if error.code() in _GRPC_PASSING:
            raise StoreUnavailable(f"Milvus does not answer: {error.details()}") from error
        raise
    except (ConnectionError, TimeoutError) as error:
        raise StoreUnavailable(f"Milvus does not answer: {error}") from error
