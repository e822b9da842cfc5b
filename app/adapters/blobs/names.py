"""The names of blobs, and where they stand."""

import re

_NAME = re.compile(r"[0-9a-f]{64}")


def is_name(name: str) -> bool:
    """Whether this is a content hash: 64 lower-case hex digits."""
    return _NAME.fullmatch(name) is not None


def path_of(name: str) -> str:
    """`a/abcd…`: 16 folders, so that a batch waits for few folders and each listing stays short up to millions.

    Raises ValueError for anything but a content hash: what a stranger wrote never becomes a path.
    """
    if not is_name(name):
        raise ValueError("a blob's name is 64 hex digits")
    return f"{name[0]}/{name}"
