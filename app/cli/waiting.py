"""Waiting for work that a service does, whether anybody waits or not."""

from collections.abc import Iterator
from contextlib import contextmanager

from app.cli.connection import Service
from app.cli.screen import Screen


@contextmanager
def going_on(screen: Screen, service: Service) -> Iterator[None]:
    """Say to whoever ends the waiting with Ctrl-C what becomes of the work."""
    try:
        yield
    except KeyboardInterrupt:
        by = "once `vitrine serve` runs" if service.private else "in the service"
        screen.say(f"no longer waiting: the work goes on {by}, and `vitrine builds show` tells how far it is")
        raise
