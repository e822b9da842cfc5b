"""The one place that picks adapters: settings in, an application out."""

from app.bootstrap.application import Application
from app.bootstrap.loaded import long_lived
from app.bootstrap.service import open_service
from app.bootstrap.wiring import open_application

__all__ = ["Application", "long_lived", "open_application", "open_service"]
