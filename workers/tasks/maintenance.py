"""Tasks by the clock."""

from celery import Task, shared_task

from workers import lifecycle


@shared_task(name="vitrine.sweep", bind=True)  # type: ignore[untyped-decorator] # Celery publishes no types
def sweep(self: Task) -> None:
    """Wake what is due: a message that was lost costs the time until the next sweep."""
    lifecycle.sweep(self.app)
