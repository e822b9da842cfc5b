"""What the README says of settings and commands is true."""

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from pydantic import ValidationError
from typer.main import get_command

from app.cli.main import commands
from app.config import Settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DEPENDENCIES = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
ROW = re.compile(r"^\| `VITRINE_(\w+)` \| (.*?) \| (.*?) \|$", re.MULTILINE)


def told(value: object) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, frozenset):
        return f"`{sorted(value)}`"
    return f"`{value}`" if value != "" else ""


def test_every_setting_stands_in_the_readme_with_its_default_and_its_meaning() -> None:
    expected = {
        name.upper(): (told(field.default), field.description) for name, field in Settings.model_fields.items()
    }
    assert {name: (default, meaning) for name, default, meaning in ROW.findall(README)} == expected


@pytest.mark.parametrize("line", re.findall(r"^vitrine .*", README, re.MULTILINE))
def test_every_command_of_the_readme_exists_with_its_options(line: str) -> None:
    words = line.partition("#")[0].split()
    command = get_command(commands).commands[words[1]]
    if hasattr(command, "commands"):
        command = command.commands[words[2]]
    options = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words[2:] if word.startswith("--")} <= options


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("database_url", "foo"),
        ("database_url", "mysql://host/shop"),
        ("broker_url", "foo://x"),
        ("milvus_uri", "host:19530"),
        ("blob_url", "http://host/pictures"),
        ("index", "BOGUS"),
        ("log_level", "LOUD"),
        ("port", 0),
    ],
)
def test_a_setting_that_cannot_work_is_refused_when_it_is_read(name: str, value: object) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings(**{name: value})
    assert refused.value.errors()[0]["loc"] == (name,)


@pytest.mark.parametrize("library", ["pymilvus", "milvus-lite"])
def test_a_library_whose_private_parts_are_used_is_pinned(library: str) -> None:
    assert [one for one in DEPENDENCIES if one.startswith(library)] == [f"{library}=={version(library)}"]
