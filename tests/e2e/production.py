"""Vitrine as production runs it, on this machine: the services of docker-compose.yml, each a process of its own."""

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.services import free_port

COMPOSE: dict[str, Any] = yaml.safe_load((Path(__file__).parents[2] / "docker-compose.yml").read_text())["services"]
WORKERS = ("intake", "encode", "index", "maintenance", "scheduler")
START_S = 60.0  # a process imports for seconds, and a test machine may have two cores for all of them


class Production:
    """Starts and stops the processes. Each is the leader of a group, so that its children end with it."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        self.folder = folder
        self._settings = settings
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self.port = free_port()
        self.api = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30)

    def start_api(self) -> None:
        subprocess.run(COMPOSE["migrate"]["command"], shell=True, cwd=self.folder, env=self._environment, check=True)
        self._start("api")
        self._wait_for("api", self._answers)

    def start_workers(self) -> None:
        """Start those that do not run."""
        for name in WORKERS:
            if name not in self._running:
                self._start(name)

    def kill(self, name: str) -> None:
        """As a crash of the machine would: the process and its children, at once."""
        process = self._running.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def freeze(self, name: str) -> None:
        os.killpg(self._running[name].pid, signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        os.killpg(self._running[name].pid, signal.SIGCONT)

    def stop_workers(self) -> dict[str, int]:
        """As an orchestrator would: SIGTERM to each process, but not to its children; returns the exit statuses."""
        stopping = {name: process for name, process in self._running.items() if name in WORKERS}
        for process in stopping.values():
            process.terminate()
        statuses = {name: process.wait(START_S) for name, process in stopping.items()}
        for name in stopping:
            del self._running[name]
        return statuses

    def healthy(self, name: str) -> bool:
        """Whether the health check of docker-compose.yml is content."""
        check = COMPOSE[name]["healthcheck"]["test"].replace("$$", "$").replace(":8000", f":{self.port}")
        return not subprocess.run(check, shell=True, cwd=self.folder, env=self._environment, check=False).returncode

    def close(self) -> None:
        self.api.close()
        for name in list(self._running):
            self.kill(name)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def states(self, catalog: str) -> dict[str, int]:
        """How many uploads of a catalog are in each state."""
        counted: dict[str, int] = self.api.get(f"/v1/catalogs/{catalog}").json()["uploads"]
        return counted

    def wait_until(self, catalog: str, reached: Callable[[dict[str, int]], bool], *, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not reached(states := self.states(catalog)):
            if time.monotonic() > deadline:
                logs = "\n".join(f"== {name}\n{self.log(name)[-3000:]}" for name in self._running)
                raise AssertionError(f"after {seconds} s the uploads are {json.dumps(states)}\n{logs}")
            time.sleep(0.02)

    @property
    def _environment(self) -> dict[str, str]:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        own = {"PATH": path, "HOSTNAME": socket.gethostname(), "VITRINE_PORT": str(self.port)}
        return os.environ | own | self._settings

    def _start(self, name: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                shlex.split(COMPOSE[name]["command"]),
                cwd=self.folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _wait_for(self, name: str, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_S
        while not ready():
            ended = self._running[name].poll()
            if ended is not None or time.monotonic() > deadline:
                raise AssertionError(f"{name} did not start (exit status {ended}):\n{self.log(name)}")
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            return self.api.get("/health/live").is_success
        except httpx.TransportError:
            return False
