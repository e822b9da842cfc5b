"""Databases for tests: one's own on a Postgres that others use too, and uploads written down without a service."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from sqlalchemy import create_engine, make_url, text

from app.ports.database import Database
from app.ports.products import Accepted


@contextmanager
def own_database(url: str) -> Iterator[str]:
    """The URL of an empty database beside the one of `url`, dropped at the end."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    name = f"vitrine_{uuid4().hex[:12]}"
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        yield make_url(url).set(database=name).render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        engine.dispose()


def accept(database: Database, *accepted: Accepted, catalog: str = "shop") -> None:
    with database.writing() as transaction:
        transaction.products.lock(catalog, [one.product.product_id for one in accepted])
        transaction.uploads.add(catalog, accepted)
        transaction.products.save(catalog, [one for one in accepted if one.newest])
