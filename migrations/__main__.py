"""`python -m migrations`: bring the database named by VITRINE_DATABASE_URL up to date."""

import os
import sys

from app.adapters.postgres.database import open_engine
from migrations.upgrade import upgrade

if __name__ == "__main__":
    url = os.environ.get("VITRINE_DATABASE_URL")
    if not url:
        sys.exit("set VITRINE_DATABASE_URL to the database to bring up to date (embedded ones do it by themselves)")
    upgrade(open_engine(url))
