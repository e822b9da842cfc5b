"""Jobs that nobody takes: what was woken is written down."""

from app.domain.errors import BrokerUnavailable
from app.domain.uploads import Stage


class FakeJobs:
    def __init__(self) -> None:
        self.woken: list[Stage] = []
        self.woken_for_builds: list[Stage] = []
        self.down = False

    def wake(self, stage: Stage) -> None:
        self.ping()
        self.woken.append(stage)

    def wake_builds(self, stage: Stage) -> None:
        self.ping()
        self.woken_for_builds.append(stage)

    def ping(self) -> None:
        if self.down:
            raise BrokerUnavailable("the broker does not answer")
