"""Reconciles the large catalog once, in a process that has nothing else: settings come in, and figures go out.

What a worker that indexes has loaded is loaded here, and not what serves or makes the catalog.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

from app.bootstrap import Application, open_application
from app.config import Settings
from scripts.bench.drawn_encoder import DrawnLoader


def main() -> None:
    """Measure and print."""
    application = open_application(Settings.model_validate_json(sys.stdin.read()), loader=DrawnLoader())
    try:
        print(json.dumps(reconciled(application, sys.argv[1])))
    finally:
        application.close()


def reconciled(application: Application, catalog: str) -> dict[str, Any]:
    """What was found, and what it took."""
    before = _mib("VmRSS")
    started, cpu = time.perf_counter(), time.process_time()
    (found,) = application.builder.reconciler.reconcile(catalog).values()
    return {
        **found.told,
        "seconds": round(time.perf_counter() - started, 1),
        "cpu_seconds": round(time.process_time() - cpu, 1),
        "mib_before": before,
        "peak_mib": _mib("VmHWM"),
    }


def _mib(field: str) -> int:
    """Memory of this process: VmRSS now, VmHWM at most. getrusage would tell that of whoever started it."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status[field].split()[0]) // 1024


if __name__ == "__main__":
    main()
