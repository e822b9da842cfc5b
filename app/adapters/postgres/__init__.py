"""The database, through SQLAlchemy: Postgres in production, SQLite embedded. Same tables, same migrations."""
