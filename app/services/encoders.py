"""The encoders a process has open, and never another model than the build was made with."""

import threading

from app.domain.embeddings import EncoderSpec
from app.domain.errors import EncoderRefused
from app.ports.encoders import Encoder, EncoderLoader


class Encoders:
    """Opens encoders once. Safe to call from several threads."""

    def __init__(self, loader: EncoderLoader) -> None:
        self._loader = loader
        self._lock = threading.Lock()
        self._open: dict[str, Encoder] = {}

    def named(self, name: str) -> Encoder:
        """The encoder of this local directory or hub name."""
        with self._lock:
            if name not in self._open:
                self._open[name] = self._loader.load(name)
            return self._open[name]

    def of(self, spec: EncoderSpec) -> Encoder:
        """The encoder of a build. Raises `EncoderRefused` (`fingerprint_mismatch`) where the model has changed."""
        with self._lock:
            same = [one for one in self._open.values() if one.spec.fingerprint == spec.fingerprint]
        if same:
            return same[0]  # perhaps under another name: a model directory may be moved
        encoder = self.named(spec.name)
        if encoder.spec.fingerprint != spec.fingerprint:
            raise EncoderRefused(
                f"the model at {spec.name} is not the one the build was made with: put the old one back, or start a "
                "build with the new one",
                code="fingerprint_mismatch",
            )
        return encoder
