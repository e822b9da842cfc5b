"""Celery workers: a task is claim, call one service, return."""
