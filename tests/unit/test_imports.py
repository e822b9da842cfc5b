"""What a process loads that only answers queries."""

import subprocess
import sys

# What `vitrine serve` imports before it opens anything.
LOADS = "import app.cli.main, app.cli.running_service, app.adapters.milvus.store, app.adapters.postgres.database"
HEAVY = {"pandas": 28, "pyarrow": 34, "milvus_lite": 150, "alembic": 7, "httpx": 2, "torch": 180, "transformers": 11}
"""Megabytes of each."""


def test_an_api_over_servers_loads_nothing_heavy_before_it_has_to() -> None:
    told = f"import sys; print(*({set(HEAVY)} & sys.modules.keys()))"
    loaded = subprocess.run([sys.executable, "-c", f"{LOADS}; {told}"], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []
