"""The files of a model: found on disk or on the hub, and hashed."""

import hashlib
import json
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from huggingface_hub import constants, snapshot_download
from huggingface_hub.errors import LocalEntryNotFoundError

from app.domain.embeddings import is_hub_name
from app.domain.errors import EncoderNotCached, EncoderNotFound, EncoderRefused

_FETCHED = ["*.json", "*.txt", "*.model", "model*.safetensors"]
"""What is fetched from the hub: no pickled weights, and not the copies for other programs."""

_TOKENIZER_FILES = (
    "added_tokens.json",
    "merges.txt",
    "sentencepiece.bpe.model",
    "special_tokens_map.json",
    "spiece.model",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "vocab.json",
    "vocab.txt",
)


def find_model(name: str) -> Path:
    """The directory of a model: `name` if it is one, else what the hub holds under that name.

    On the hub a model is named `owner/model`, or `owner/model@revision` with a branch, tag or commit. Raises
    `EncoderNotFound` where there is no such directory and the hub does not give it.
    """
    directory = _directory(name)
    if directory is not None:
        return directory
    try:
        return _of_hub(name, fetch=True)
    # The hub's client lets the errors of its HTTP library through, which share no other ancestor with its own.
    except Exception as error:
        raise EncoderNotFound(
            f"there is no directory {name} here, and the hub did not give the model of that name "
            f"({type(error).__name__}): check the name and its revision; without a network, copy the model's "
            "directory here from a machine that has one and give its path with --encoder or VITRINE_ENCODER, or, "
            "where the model was fetched before, set HF_HUB_OFFLINE=1"
        ) from error


def find_here(name: str) -> Path:
    """The directory of a model where it lies on this machine, with nothing fetched.

    Raises `EncoderNotFound`, and `EncoderNotCached` where it is one of the hub that may yet be fetched.
    """
    directory = _directory(name)
    if directory is not None:
        return directory
    try:
        return _of_hub(name, fetch=False)
    except LocalEntryNotFoundError as error:
        missing = f"{name} is not whole in the hub's cache on this machine, {constants.HF_HUB_CACHE}"
        if constants.is_offline_mode():
            raise EncoderNotFound(f"{missing}, and HF_HUB_OFFLINE=1 keeps it from being fetched") from error
        raise EncoderNotCached(f"{missing}: whoever opens it fetches it from the hub") from error


def _directory(name: str) -> Path | None:
    """The directory of this name, or none where a model on the hub may be meant. Raises `EncoderNotFound`."""
    directory = Path(name).expanduser()
    if name and directory.is_dir():
        return directory
    if _is_path(name):
        raise EncoderNotFound(
            f"there is no such directory: {name or '(the name is empty)'}; --encoder or VITRINE_ENCODER takes a "
            "model directory, or the name of a model on the hub as owner/model@revision"
        )
    return None


def _of_hub(name: str, *, fetch: bool) -> Path:
    repository, _, revision = name.partition("@")
    found = snapshot_download(
        repository,
        revision=revision or None,
        allow_patterns=_FETCHED,
        ignore_patterns=["*/*"],
        local_files_only=not fetch,
    )
    return Path(found)


def _is_path(name: str) -> bool:
    """Whether a name must mean a directory: none on the hub is like it, or, without a revision, it begins as one."""
    return not is_hub_name(name) or ("@" not in name and Path(name).parent.is_dir())


def weight_files(directory: Path) -> list[Path]:
    """The safetensors files that hold the weights, in order. Raises `EncoderRefused` where there are none."""
    single, index = directory / "model.safetensors", directory / "model.safetensors.index.json"
    if single.is_file():
        return [single]
    if index.is_file():
        named = json.loads(index.read_text())["weight_map"].values()
        return [directory / name for name in sorted(set(named))]
    if any(directory.glob("*.bin")) or any(directory.glob("*.pt")):
        raise EncoderRefused(
            f"{directory} holds pickled weights, which can run code when they are read: "
            "convert them to model.safetensors, or take a model that has it"
        )
    raise EncoderRefused(f"{directory} is not a model directory: it has no model.safetensors")


def tokenizer_files(directory: Path) -> list[Path]:
    """The files that say how a text becomes tokens."""
    return [directory / name for name in _TOKENIZER_FILES if (directory / name).is_file()]


def hash_files(files: Iterable[Path]) -> str:
    """64 hex digits over the names and contents of files, in order."""
    whole = hashlib.sha256()
    for path in files:
        found = path.stat()
        content = _digest(path, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        whole.update(f"{path.name}\0{content}\n".encode())
    return whole.hexdigest()


@lru_cache(maxsize=64)  # weights take seconds to read, and status asks each time whether they are still the same
def _digest(path: Path, *_unchanged: int) -> str:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
