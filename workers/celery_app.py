"""The Celery application of a worker process: `celery -A workers.celery_app worker -Q encode --pool solo`."""

from app.adapters.celery.jobs import make_celery
from app.config import Settings
from workers import lifecycle

settings = Settings()
app = make_celery(settings.broker_url)
lifecycle.attach(app, settings)
