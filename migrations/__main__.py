"""`python -m migrations`: bring the database named by VITRINE_DATABASE_URL up to date."""

import sys

from app.adapters.postgres.engine import open_engine
from app.cli.failures import exit_code, line_of
from app.cli.settings import quiet, read_settings
from app.domain.errors import Misconfigured, VitrineError
from app.log import configure_logging
from migrations.upgrade import upgrade


def main() -> None:
    """Bring the database up to date. Raises `Misconfigured` and `DatabaseUnavailable`."""
    settings = read_settings()
    configure_logging(quiet(settings))
    if not settings.database_url:
        raise Misconfigured(
            "set VITRINE_DATABASE_URL to the database to bring up to date (embedded ones do it by themselves)"
        )
    upgrade(open_engine(settings.database_url))


if __name__ == "__main__":
    try:
        main()
    except VitrineError as error:
        sys.stderr.write(f"migrations: {line_of(error)}\n")
        sys.exit(exit_code(error))
