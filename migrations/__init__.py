"""Alembic's migrations: the same on SQLite and Postgres. `python -m migrations` brings a database up to date."""
