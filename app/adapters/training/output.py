"""The directory that a training writes to: looked at before anything is read that takes minutes."""

import os
from pathlib import Path

from app.domain.errors import Misconfigured


def check_output(out: Path) -> None:
    """Raise `Misconfigured` where a training cannot end in `out`: it holds a model, or cannot be written to."""
    if (out / "config.json").exists():
        raise Misconfigured(f"{out} holds a model already: give another directory, or delete it")
    there = next(one for one in (out, *out.absolute().parents) if one.exists())
    if not there.is_dir():
        raise Misconfigured(f"{there} is a file: name a directory with --out")
    if not os.access(there, os.W_OK | os.X_OK):
        raise Misconfigured(f"{there} cannot be written to: name another directory with --out")
