"""Brings a database to the newest revision."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine

from app.adapters.postgres.database import translated


def configuration() -> Config:
    """Alembic's configuration for the scripts in this folder."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("file_template", "%%(year)d_%%(month).2d_%%(day).2d_%%(slug)s")
    return config


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Run every migration up to `revision`. Safe to call when there is nothing to do.

    Raises `DatabaseUnavailable` where the database does not answer, or holds a lock for too long.
    """
    config = configuration()
    config.attributes["engine"] = engine
    with translated():
        command.upgrade(config, revision)
