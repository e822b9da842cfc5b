"""A pipeline over fakes, with a database of its own for every test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipelines import Pipeline, migrated_sqlite


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return migrated_sqlite(tmp_path_factory.mktemp("sqlite") / "migrated.sqlite")


@pytest.fixture
def pipeline(migrated: Path, tmp_path: Path) -> Iterator[Pipeline]:
    opened = Pipeline(migrated, tmp_path)
    yield opened
    opened.close()
