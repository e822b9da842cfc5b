"""The demo: a drawn catalogue goes into a service on this machine, and searches come out.

`scripts/demo` installs what this needs and runs it. Every run begins anew, in the folder .demo of the checkout.
"""

import argparse
import csv
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import httpx

from scripts.sample_catalogue.catalogue import generate

ROOT = Path(__file__).parents[1]
ENCODER = ROOT / "scripts" / "starter_model"
FOLDER = ROOT / ".demo"
CATALOGUE = FOLDER / "catalogue"
LOG = FOLDER / "serve.log"
VITRINE = Path(sys.executable).parent / "vitrine"
HOST, PORT = "127.0.0.1", 8000
URL = f"http://{HOST}:{PORT}"
START_S = 120  # the service imports for seconds; a slow disk makes it many
STOP_S = 90  # it finishes the requests and the batch in hand

# The demo is the embedded default, whatever is set for another service on this machine.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("VITRINE_")}


class Failed(Exception):
    """The demo cannot go on; the message says what to do."""


def main() -> None:
    """Run the demo; exit code 0 when it did all it should, also when Ctrl-C ended the service afterwards."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__.partition("\n")[0])
    parser.add_argument("--once", action="store_true", help="stop after the searches instead of at Ctrl-C")
    once = parser.parse_args().once
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, _ended)
    try:
        _demo(once=once)
    except Failed as failure:
        sys.exit(f"demo: {failure}")
    except KeyboardInterrupt:
        sys.exit("demo: interrupted")


def _demo(*, once: bool) -> None:
    started = time.monotonic()
    _check_port()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    with _service() as service:
        # Drawn while the service starts.
        _run("drawing the catalogue", sys.executable, "-m", "scripts.sample_catalogue", str(CATALOGUE))
        _wait_for(service)
        _vitrine("ingest", str((CATALOGUE / "products.csv").relative_to(ROOT)), "--leave-out", "split")
        _show_searches()
        print(f"\nDone in {time.monotonic() - started:.0f} s.", flush=True)
        if once:
            return
        print(f"The shop is open at {URL} until Ctrl-C.", flush=True)
        try:
            service.wait()
        except KeyboardInterrupt:
            print("\nStopping.", flush=True)
            return
        raise Failed(f"the service ended by itself:\n{_log_end()}")


def _show_searches() -> None:
    """By words, by words and a filter, by a picture the catalogue does not have, and by a product."""
    visitor = generate(FOLDER / "visitor", seed=2, products=1).parent
    (picture,) = (visitor / "pictures").iterdir()
    with (CATALOGUE / "products.csv").open(encoding="utf-8", newline="") as manifest:
        liked = next(csv.DictReader(manifest))["product_id"]
    _search("red watch")
    _search("blue handbag", "--filter", '{"price": {"lt": 85}, "in_stock": true}')
    _search("--image", str(picture.relative_to(ROOT)))
    _search("--like", liked)


def _search(*arguments: str) -> None:
    _vitrine("search", *arguments, "--limit", "5")


def _vitrine(*arguments: str) -> None:
    command = [str(VITRINE.relative_to(ROOT)), *arguments, "--url", URL]
    print(f"\n$ {shlex.join(command)}", flush=True)
    _run(f"vitrine {arguments[0]}", *command)


def _run(step: str, *command: str) -> None:
    status = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, check=False).returncode
    if status:
        raise Failed(f"{step} failed with exit code {status}: see above, and the service's log {LOG}")


def _check_port() -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, PORT))
        except OSError as error:
            raise Failed(
                f"port {PORT} of {HOST} is not free ({error.strerror}): stop what listens there, perhaps another demo"
            ) from None


@contextmanager
def _service() -> Iterator[subprocess.Popen[bytes]]:
    """`vitrine serve`, stopped at the end. In a session of its own: Ctrl-C is ours to pass on, and in time."""
    command = [str(VITRINE), "serve", "--encoder", str(ENCODER), "--data", str(FOLDER / "data"), "--port", str(PORT)]
    with LOG.open("wb") as log:
        service = subprocess.Popen(
            command,
            cwd=ROOT,
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield service
    finally:
        service.terminate()
        try:
            service.wait(STOP_S)
        finally:
            service.kill()


def _wait_for(service: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            if httpx.get(f"{URL}/health/ready", timeout=5).is_success:
                return
        except httpx.TransportError:
            pass  # not yet
        if service.poll() is not None:
            raise Failed(f"the service did not start:\n{_log_end()}")
        if time.monotonic() > deadline:
            raise Failed(f"the service is not ready after {START_S} s:\n{_log_end()}")
        time.sleep(0.1)


def _log_end() -> str:
    return LOG.read_text(errors="replace")[-3000:]


def _ended(number: int, _frame: object) -> NoReturn:
    sys.exit(128 + number)


if __name__ == "__main__":
    main()
