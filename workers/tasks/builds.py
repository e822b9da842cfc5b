"""The steps of builds: among the workers who index, and among those who encode."""

from celery import Task, shared_task

from app.domain.uploads import Stage
from workers import lifecycle


@shared_task(name="vitrine.build_index", bind=True)  # type: ignore[untyped-decorator] # Celery publishes no types
def build_index(self: Task) -> None:
    """Open, fill and drop until nothing is due; uploads go first."""
    lifecycle.build(self.app, Stage.INDEX)


@shared_task(name="vitrine.build_encode", bind=True)  # type: ignore[untyped-decorator] # Celery publishes no types
def build_encode(self: Task) -> None:
    """Encode and check until nothing is due; uploads go first."""
    lifecycle.build(self.app, Stage.ENCODE)
