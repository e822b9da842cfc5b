"""The jobs port: wakes stages. A message is a hint; the row is the work."""

from typing import Protocol

from app.domain.uploads import Stage


class Jobs(Protocol):
    """Wakes workers. Called after commit only; losing a call costs time and nothing else."""

    def wake(self, stage: Stage) -> None:
        """Tell a worker of this stage that there may be work. Raises `BrokerUnavailable`."""
        ...

    def wake_builds(self, stage: Stage) -> None:
        """Tell a worker of this stage that there may be a step of a build to do. Raises `BrokerUnavailable`."""
        ...

    def ping(self) -> None:
        """Return if the broker answers."""
        ...
