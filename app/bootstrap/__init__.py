"""The one place that picks adapters: settings in, an application out."""

from app.bootstrap.application import Application
from app.bootstrap.loaded import keep_loaded
from app.bootstrap.service import open_service
from app.bootstrap.wiring import open_application

__all__ = ["Application", "keep_loaded", "open_application", "open_service"]
