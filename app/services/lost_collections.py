"""A collection that the store has lost holds nothing."""

from collections.abc import Callable

from app.domain.errors import StoreUnavailable
from app.ports.vectors import Stamp
from app.services.build_faults import INDEX_LOST


def none_if_lost(read: Callable[[], dict[str, Stamp]]) -> dict[str, Stamp]:
    """What a collection holds; nothing where it is no longer there."""
    try:
        return read()
    except StoreUnavailable as error:
        if error.code != INDEX_LOST:
            raise
        return {}
