"""The encode task."""

from celery import Task, shared_task

from app.domain.uploads import Stage
from workers import lifecycle


@shared_task(name="vitrine.encode", bind=True)  # type: ignore[untyped-decorator] # Celery publishes no types
def encode(self: Task) -> None:
    """Work until nothing waits for this stage."""
    lifecycle.run(self.app, Stage.ENCODE)
