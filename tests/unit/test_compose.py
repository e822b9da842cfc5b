"""docker-compose.yml, the Dockerfile and .env.example say nothing that the code does not know."""

import re
import shlex
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from celery.bin.beat import beat
from celery.bin.worker import worker
from typer.main import get_group

from app.adapters.celery.jobs import MAINTENANCE_QUEUE
from app.cli.main import commands
from app.config import Settings
from app.domain.uploads import Stage

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
ONE_SHOT = {"migrate"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CELERY_COMMANDS = {"worker": worker, "beat": beat}

each_service = pytest.mark.parametrize("name", SERVICES)
each_of_ours = pytest.mark.parametrize("name", OURS)


def option(words: list[str], name: str) -> str:
    return words[words.index(name) + 1]


@each_of_ours
def test_its_command_exists(name: str) -> None:
    program, *words = shlex.split(OURS[name]["command"])
    match program:
        case "vitrine":
            assert program in PROJECT["scripts"]
            assert words[0] in get_group(commands).commands
        case "python":
            assert words[0] == "-m"
            assert find_spec(f"{words[1]}.__main__") is not None
        case "celery":
            module = find_spec(option(words, "--app"))
            assert module is not None
            assert re.search(r"^app = ", Path(str(module.origin)).read_text(), re.MULTILINE)
            (command,) = [one for word, one in CELERY_COMMANDS.items() if word in words]
            known = {spelling for parameter in command.params for spelling in parameter.opts} | {"--app"}
            assert {word for word in words if word.startswith("-")} <= known
        case _:
            pytest.fail(f"{program} is no program of the image")


@each_of_ours
def test_its_variables_are_settings(name: str) -> None:
    known = {f"VITRINE_{field.upper()}" for field in Settings.model_fields}
    assert {word for word in OURS[name]["environment"] if word.startswith("VITRINE_")} <= known


def test_production_has_a_database_a_broker_and_a_milvus_of_its_own() -> None:
    embedded = {"VITRINE_DATABASE_URL", "VITRINE_BROKER_URL", "VITRINE_MILVUS_URI", "VITRINE_BLOB_URL"}
    for name, service in OURS.items():
        assert embedded <= set(service["environment"]), name


def test_every_queue_has_a_worker_and_the_gpu_is_for_those_who_ask() -> None:
    workers = {
        name: shlex.split(service["command"]) for name, service in OURS.items() if " worker " in service["command"]
    }
    served = {queue for words in workers.values() for queue in option(words, "--queues").split(",")}
    assert served == {stage.value for stage in Stage} | {MAINTENANCE_QUEUE}
    for name, words in workers.items():
        if "encode" in option(words, "--queues"):
            assert option(words, "--pool") == "solo", name  # a model does not survive a fork
    reserving = {name for name, service in SERVICES.items() if "deploy" in service}
    assert reserving == {name for name, service in SERVICES.items() if service.get("profiles")} == {"encode-gpu"}


def test_exactly_one_scheduler_runs() -> None:
    (scheduler,) = [service for service in OURS.values() if " beat" in service["command"]]
    assert "deploy" not in scheduler


def test_only_the_api_is_published_and_on_loopback() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"api": ["127.0.0.1:8000:8000"]}
    assert not any("network_mode" in service for service in SERVICES.values())


def test_no_secret_has_a_default() -> None:
    words = re.findall(
        r"^\s+(?:- )?(\S*(?:PASSWORD|USER|SECRET|TOKEN|KEY_ID|AUTH)): (.+)$", compose_text(), re.MULTILINE
    )
    assert words
    for variable, value in words:
        if variable != "POSTGRES_USER":  # a name, as that of the database is
            assert re.search(r"\$\{\w+:\?[^}]+\}", value), variable
    for given in re.findall(r"\$\{([^}]+)\}", compose_text()):
        assert ":?" in given, given


def test_env_example_lists_every_secret_and_none_of_their_values() -> None:
    example = dict(re.findall(r"^(\w+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert set(example) == set(re.findall(r"\$\{(\w+):\?", compose_text()))
    assert set(example.values()) == {""}


@each_service
def test_it_tells_whether_it_is_well(name: str) -> None:
    assert ("healthcheck" in SERVICES[name]) != (name in ONE_SHOT)


@each_service
def test_what_it_waits_for_exists_and_tells_when_it_is_ready(name: str) -> None:
    for awaited, how in SERVICES[name].get("depends_on", {}).items():
        ready = "service_completed_successfully" if awaited in ONE_SHOT else "service_healthy"
        assert how == {"condition": ready}
        assert awaited in SERVICES


@each_service
def test_its_image_is_pinned(name: str) -> None:
    _, _, tag = SERVICES[name]["image"].rpartition(":")
    assert re.search(r"\d+\.\d+\.\d+|\d+\.\d+-|RELEASE\.\d{4}", tag), tag
    if name in OURS:
        assert tag.startswith(PROJECT["version"])


@each_service
def test_its_image_is_one_of_the_default_registry(name: str) -> None:
    host, slash, _ = SERVICES[name]["image"].partition("/")
    assert not slash or not set(host) & set(".:")


@pytest.mark.parametrize(
    "file", ["docker-compose.yml", "Dockerfile", ".env.example", "scripts/install", "pyproject.toml"]
)
def test_no_index_or_registry_is_named(file: str) -> None:
    hosts = set(re.findall(r"https?://([\w.-]+)", (ROOT / file).read_text()))
    assert hosts <= {"localhost", "127.0.0.1", "0.0.0.0", "milvus", "etcd"}


@each_service
def test_its_volumes_are_named(name: str) -> None:
    for volume in SERVICES[name].get("volumes", []):
        assert volume.partition(":")[0] in COMPOSE["volumes"]


def test_the_image_is_built_from_what_is_there() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    let_through = set(re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    copied = [
        source
        for words in re.findall(r"^COPY (?!--from)(.+)$", dockerfile, re.MULTILINE)
        for source in words.split()[:-1]
    ]
    assert copied
    for source in copied:
        assert (ROOT / source).exists(), source
        assert source in let_through
    assert all(re.search(r":\d+\.\d+\.\d+-", image) for image in re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE))
    assert re.search(r"^USER (?!root)", dockerfile, re.MULTILINE)
    for extra in re.findall(r"\.\[(\w+)\]", dockerfile):
        assert extra in PROJECT["optional-dependencies"]
    for argument in (
        argument
        for service in OURS.values()
        if isinstance(service["build"], dict)
        for argument in service["build"]["args"]
    ):
        assert f"ARG {argument}" in dockerfile


def compose_text() -> str:
    return (ROOT / "docker-compose.yml").read_text()
