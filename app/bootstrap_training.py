"""Adapters for training and measuring. They import torch at once, so they stand apart from `bootstrap`."""

from app.adapters.encoders.loader import HuggingFaceLoader
from app.adapters.encoders.preprocessing import prepare
from app.adapters.images.checker import PillowPictureChecker
from app.adapters.training.trainer import train
from app.config import Settings
from app.domain.embeddings import Pixels, Preprocessing
from app.ports.encoders import Encoder

__all__ = ["check_picture", "open_encoder", "prepare_picture", "train"]

_CHECKER = PillowPictureChecker()


def open_encoder(settings: Settings, name: str) -> Encoder:
    """An encoder by its local directory or hub name. Raises `EncoderNotFound` and `EncoderRefused`."""
    return HuggingFaceLoader(device=settings.device, threads=settings.threads).load(name)


def check_picture(content: bytes) -> bytes:
    """A picture as the service would store it: upright, RGB or grey. Raises `Refused` for one it would not."""
    return _CHECKER.check(content).content


def prepare_picture(content: bytes, preprocessing: Preprocessing) -> Pixels:
    """A picture as it goes into a picture tower, on the path that every upload takes. Raises `Refused`."""
    return prepare(check_picture(content), preprocessing)
