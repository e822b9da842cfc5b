"""What is asked again and again is looked up by an index, however many products and uploads there are."""

import re
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Connection, event, make_url

from app.adapters.postgres.database import SqlDatabase
from app.adapters.postgres.prepared import Prepared
from app.domain.build_steps import NewStep, StepKind
from app.domain.builds import Build
from app.domain.uploads import Picture, Stage, UploadKind, UploadState
from app.ports.uploads import Failure
from tests.databases import accept
from tests.factories import a_build, a_product, an_upload

GROWING = "(products|images|uploads|embeddings|build_products|build_steps|build_failures|idempotency_keys)"
UNCOUNTED = 2_000
PATIENCE_S = 30.0
LAST_NUMBER = "COVERING INDEX ix_products_catalog_changed"  # of which SQLite reads the end
# A table read from end to end (but not an index that a page is read off), or all that a catalog, a build or an
# encoder has in it.
WHOLE = re.compile(
    rf"^SCAN {GROWING}\b(?! USING INDEX)"
    rf"|^SEARCH {GROWING}\b(?!.* {LAST_NUMBER}).*\((catalog|build_id|fingerprint)=\?\)"
    rf"|Seq Scan on {GROWING}\b"
)


@contextmanager
def plans(
    database: SqlDatabase, monkeypatch: pytest.MonkeyPatch, command: str = "EXPLAIN"
) -> Iterator[dict[str, list[str]]]:
    """How the database goes about every statement that is executed inside, by statement."""
    found: dict[str, list[str]] = {}
    reads = Prepared.rows

    def explain(connection: Connection, statement: str, parameters: Any) -> None:
        if statement in found or not statement.startswith(("SELECT", "UPDATE", "DELETE")):
            return
        cursor = connection.connection.cursor()
        if connection.dialect.name == "sqlite":
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
        else:
            if command == "EXPLAIN":
                cursor.execute("SET LOCAL enable_seqscan = off")  # it reads a table of three rows whole if it may
            cursor.execute(f"{command} {statement}", parameters)
        found[statement] = [str(row[-1]).strip() for row in cursor.fetchall()]
        cursor.close()

    def executed(
        connection: Connection, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool
    ) -> None:
        explain(connection, statement, parameters[0] if isinstance(parameters, list) else parameters)

    def read(prepared: Prepared, connection: Connection, values: Any) -> list[list[Any]]:
        rows = reads(prepared, connection, values)
        compiled = prepared._compiled[connection.dialect.name]
        explain(connection, compiled.text, compiled.parameters(values))
        return rows

    monkeypatch.setattr(Prepared, "rows", read)
    event.listen(database.engine, "before_cursor_execute", executed)
    yield found
    event.remove(database.engine, "before_cursor_execute", executed)


def test_nothing_that_uploads_and_queries_ask_reads_a_whole_table(
    database: SqlDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    build, pictures = a_build(), [Picture(0, content_hash="a" * 64, width=3, height=4)]
    with database.writing() as transaction:
        transaction.builds.add(build)
        transaction.build_steps.add(build.id, [NewStep(StepKind.FILL, "p", "p9", 3)])
        mark = transaction.products.changed("shop", None).mark
    with plans(database, monkeypatch) as found:
        accept(database, *(an_upload(a_product(f"p{n}", price=n), pictures=pictures) for n in range(3)))
        accept(database, an_upload(a_product("p0", price=9), 2, pictures=pictures))
        accept(database, an_upload("p1", 2, kind=UploadKind.DELETE, state=UploadState.ENCODED))
        _work(database, build)
        _ask(database, build, mark)
        _fill(database, build)
    whole = {statement: plan for statement, plan in found.items() if any(WHOLE.search(step) for step in plan)}
    assert not whole
    assert len(found) > 20


def _work(database: SqlDatabase, build: Build) -> None:
    """Take what waits through its stages, with a failure, a delay and a newer version on the way."""
    for stage in Stage:
        with database.writing() as transaction:
            claims = transaction.uploads.claim(stage, limit=10, lease=timedelta(minutes=1))
            if stage is Stage.INDEX:
                transaction.holdings.hold(build.id, {claim.product.product_id: 1 for claim in claims})
                transaction.embeddings.get("f", ["a" * 64])
        with database.writing() as transaction:
            transaction.uploads.bury(claims, {claim.upload_id: Failure("no", "no") for claim in claims[3:]})
            transaction.uploads.advance(stage, claims[:2])
            transaction.uploads.release(claims[2:3], delay=timedelta(0), blameless=True)
            if stage is Stage.INDEX:
                names = [claim.product.product_id for claim in claims]
                transaction.holdings.held(build.id, dict.fromkeys(names[:1], (1, 1)))
                transaction.holdings.dropped(build.id, names[1:])
                transaction.embeddings.known("f", ["a" * 64])
                transaction.embeddings.add("f", {"a" * 64: np.ones(2, dtype=np.float32)})
        with database.reading() as transaction:
            transaction.uploads.due()


def _fill(database: SqlDatabase, build: Build) -> None:
    """What a page of a build is filled with."""
    with database.writing() as transaction:
        step = transaction.build_steps.claim(Stage.INDEX, lease=timedelta(minutes=1))
        assert step is not None
        products = transaction.products
        assert products.standing("shop", sorted(products.standing_between("shop", "p", "p9")))
        products.versions("shop", ["p0"])
        transaction.pictures.slots("shop", ["p0"])
        transaction.builds.failed_contents(build.id, ["a" * 64])
        transaction.build_steps.go_on(step, lease=timedelta(minutes=1))
        transaction.build_steps.finish(step)
        transaction.build_steps.next_due()


def test_a_database_that_cannot_count_now_goes_on_uncounted(
    database: SqlDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    if database.engine.dialect.name == "sqlite":
        pytest.skip("SQLite goes by its indexes alone")
    accept(database, *(an_upload(f"p{number}") for number in range(600)))
    hurried = make_url(database.engine.url).update_query_dict({"options": "-c statement_timeout=1ms"})
    with closing(SqlDatabase(hurried.render_as_string(hide_password=False))) as refused:
        deadline = time.monotonic() + PATIENCE_S
        while not [record for record in caplog.records if record.message == "database.uncounted"]:
            refused.count_rows()
            assert time.monotonic() < deadline
            time.sleep(0.1)


def until_counted(database: SqlDatabase) -> None:
    """Sessions tell what they have written within a second or so."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        database.count_rows()
        with database.engine.connect() as connection:
            counted = connection.exec_driver_sql(
                "SELECT reltuples FROM pg_class WHERE relname = 'images'"
            ).scalar_one()
        if counted == UNCOUNTED:
            return
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_what_a_sweep_has_counted_is_looked_up_by_its_keys(
    database: SqlDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until Postgres has counted a new catalog's rows it takes it for a handful, and reads all of it for one key."""
    if database.engine.dialect.name == "sqlite":
        pytest.skip("SQLite goes by its indexes alone")
    pictures = [Picture(0, content_hash="a" * 64, width=3, height=4)]
    with database.reading() as transaction:
        mark = transaction.products.changed("shop", None).mark
    for start in range(0, UNCOUNTED, 100):
        accept(database, *(an_upload(f"p{start + n}", pictures=pictures) for n in range(100)))
    until_counted(database)
    some = [f"p{number}" for number in range(0, UNCOUNTED, UNCOUNTED // 20)]
    with database.reading() as transaction:
        since = transaction.products.changed("shop", mark)
    xmax = since.mark.split(":")[1]
    with plans(database, monkeypatch, "EXPLAIN ANALYZE") as found:
        with database.reading() as transaction:
            transaction.products.changed("shop", since.mark)
            transaction.products.changed("shop", f"1:{xmax}:1")  # of which one was under way
            transaction.products.shown("shop", some)
            transaction.products.get("shop", some)
            transaction.uploads.known("shop", [(some[0], 1)])
            transaction.products.standing("shop", some)
            transaction.products.versions("shop", some)
        with database.writing() as transaction:
            transaction.pictures.slots("shop", some)
    for plan in found.values():
        left_out = [int(told) for step in plan for told in re.findall(r"Rows Removed by .*: (\d+)", step)]
        assert sum(left_out) < UNCOUNTED // 10, plan
    assert len(found) > 8


def _ask(database: SqlDatabase, build: Build, mark: str) -> None:
    with database.reading() as transaction:
        for since in (None, mark):
            assert transaction.builds.searched("shop", since) is not None
        transaction.builds.live("shop")
        transaction.builds.writable(["shop"])
        assert set(transaction.products.shown("shop", ["p0", "p1"])) == {"p0"}
        stored = transaction.products.get("shop", ["p0", "p1"])
        transaction.pictures.shown("shop", "a" * 64)
        transaction.uploads.known("shop", [("p0", 1)])
        transaction.pictures.in_error(list(transaction.uploads.get([stored["p0"].upload_id]).values()))
        transaction.uploads.page(state=None, catalog=None, limit=10)
        transaction.idempotency_keys.get("shop", ["k"])
