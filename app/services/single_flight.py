"""Of equal calls that come at once, one is made."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Generic, TypeVar

Made = TypeVar("Made")


class SingleFlight(Generic[Made]):
    """Makes something by its key, once for all who ask for it meanwhile. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: dict[str, Future[Made]] = {}

    def join(self, key: str, make: Callable[[], Made], *, wait_s: float) -> tuple[Made, bool]:
        """What `make` gives, here or where it is under way already, and whether it was made here.

        Raises what it raised, wherever that was: all of these would have failed. Raises `TimeoutError` where somebody
        else's takes longer than `wait_s`.
        """
        with self._lock:
            future = self._under_way.get(key)
            mine = future is None
            if future is None:
                future = self._under_way[key] = Future()
        if not mine:
            if not wait([future], wait_s).done:
                raise TimeoutError
            return future.result(), False
        try:
            future.set_result(make())
        except BaseException as error:  # noqa: BLE001 - it is raised below, here and to all who wait
            future.set_exception(error)
        finally:
            with self._lock:
                del self._under_way[key]
        return future.result(), True
