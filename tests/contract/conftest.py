"""The database the contract suites face: SQLite in a file, and Postgres, both made by the migrations."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.adapters.postgres.build_tables import metadata
from app.adapters.postgres.database import SqlDatabase
from app.adapters.postgres.engine import open_engine
from migrations.upgrade import upgrade
from tests.databases import own_database
from tests.factories import a_catalog


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "migrated.sqlite"
    engine = open_engine(f"sqlite:///{path}")
    upgrade(engine)
    engine.dispose()
    return path


@pytest.fixture(scope="session")
def migrated_postgres(postgres_url: str) -> Iterator[SqlDatabase]:
    with own_database(postgres_url) as url:
        database = SqlDatabase(url)
        upgrade(database.engine)
        yield database
        database.close()


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlDatabase]:
    """A database that holds nothing but the catalog `shop`."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_sqlite"), tmp_path / "vitrine.sqlite")
        database = SqlDatabase(f"sqlite:///{tmp_path / 'vitrine.sqlite'}")
    else:
        database = request.getfixturevalue("migrated_postgres")
        with database.engine.begin() as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(table.delete())
    with database.writing() as transaction:
        transaction.catalogs.put(a_catalog())
    yield database
    if request.param == "sqlite":
        database.close()
