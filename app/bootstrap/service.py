"""What `vitrine serve` opens: embedded, one process has everything."""

import contextlib
from contextlib import ExitStack
from dataclasses import replace

from app.adapters.celery.jobs import make_celery
from app.adapters.celery.worker import EmbeddedWorker
from app.adapters.data_directory import DataDirectory
from app.bootstrap.application import Application
from app.bootstrap.herald import Herald
from app.bootstrap.repeating import Repeating
from app.bootstrap.wiring import open_application
from app.config import Settings
from app.domain.errors import Unavailable
from app.ports.encoders import EncoderLoader
from app.services.search import Searcher

RECORD_EVERY_S = 10.0
"""Between two times that queries are written down: a process that dies forgets the ones since."""

REFRESH_EVERY_S = 60.0
"""Between two times that columns of attributes are brought up to date by themselves: a query has no more to read."""

RECALL_EVERY_S = 60.0
"""Between two looks whether it is time to measure recall again."""


def open_service(settings: Settings, *, loader: EncoderLoader | None = None) -> Application:
    """The application, and embedded its data directory, tables and worker too.

    Raises `Misconfigured` (`data_held`) and `DatabaseUnavailable`.
    """
    if not settings.embedded:
        application = open_application(settings, loader=loader)
        application.closing.enter_context(contextlib.closing(Herald(application.database, application.encoders)))
        _watch(application.searcher, application.closing)
        return application
    from migrations.upgrade import upgrade  # noqa: PLC0415 - Alembic takes 7 MB, which an API over servers never needs

    with ExitStack() as failing:
        failing.enter_context(contextlib.closing(DataDirectory(settings.data)))
        celery = make_celery(settings.broker_url)
        application = open_application(settings, celery=celery, loader=loader, closing=failing)
        upgrade(application.database.engine)
        with application.database.writing() as transaction:
            if not settings.database_url:  # the database lies in the directory, which this process alone has
                transaction.uploads.forget_leases()
                transaction.build_steps.forget_leases()
        celery.application = application
        worker = EmbeddedWorker(celery)
        worker.start()
        failing.callback(worker.stop)
        if settings.database_url:  # where others may answer from the same database
            failing.enter_context(contextlib.closing(Herald(application.database, application.encoders)))
        _watch(application.searcher, failing)
        application.sweep()  # go on where the last start stopped
        return replace(application, worker=worker, closing=failing.pop_all())


def _watch(searcher: Searcher, closing: ExitStack) -> None:
    """What is done of itself with the queries that come: some are written down, and some asked again."""
    recorder = searcher.recorder

    def write_last() -> None:
        with contextlib.suppress(Unavailable):
            recorder.write()

    closing.callback(write_last)
    closing.enter_context(contextlib.closing(Repeating("record", recorder.write, RECORD_EVERY_S)))
    closing.enter_context(contextlib.closing(Repeating("columns", searcher.catalogs.refresh, REFRESH_EVERY_S)))
    closing.enter_context(contextlib.closing(Repeating("recall", searcher.watch.measure, RECALL_EVERY_S)))
