"""Celery: waking stages, and a worker inside this process."""
