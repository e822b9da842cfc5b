"""The one place that picks adapters: settings in, an application out."""

from app.bootstrap.application import Application
from app.bootstrap.service import open_service
from app.bootstrap.wiring import open_application

__all__ = ["Application", "open_application", "open_service"]
