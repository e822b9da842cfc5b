"""The encoders a process has open, and never another model than the build was made with."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from app.domain.embeddings import EncoderSpec, Pixels, Vectors, is_hub_name, shown_name
from app.domain.errors import EncoderError, EncoderNotFound, EncoderRefused
from app.ports.encoders import Encoder, EncoderLoader

FAILED_FOR_S = 30  # asking a hub that does not answer takes half a minute: a health check must not do so every time


class Encoders:
    """Opens encoders once. Safe to call from several threads.

    `configured` is the name in this process's settings: where a build's model has moved, it may stand there.
    """

    def __init__(self, loader: EncoderLoader, *, configured: str) -> None:
        self._loader = loader
        self._configured = configured
        self._lock = threading.Lock()  # never held while a model loads: users of the others go on
        self._loading: dict[str, threading.Lock] = {}
        self._open: dict[str, Encoder] = {}
        self._failed: dict[str, tuple[float, EncoderError]] = {}

    def named(self, name: str) -> Encoder:
        """The encoder of this local directory or hub name. Raises `EncoderNotFound` and `EncoderRefused`."""
        with self._lock:
            loading = self._loading.setdefault(name, threading.Lock())
        with loading:
            if name not in self._open:
                encoder = self._load(name)
                with self._lock:
                    self._open[name] = encoder
            return self._open[name]

    def stated(self, name: str) -> Encoder:
        """The encoder of this name, for whoever has just stated it: nobody else is told where one was looked for."""
        try:
            return self.named(name)
        except EncoderNotFound as error:
            raise EncoderNotFound(error.detail) from error

    def _load(self, name: str) -> Encoder:
        until, error = self._failed.get(name, (0.0, None))
        if error is not None and time.monotonic() < until:
            raise error
        try:
            return _ShownByName(self._read(name), name)
        except EncoderError as error:
            self._failed[name] = (time.monotonic() + FAILED_FOR_S, error)
            raise

    def _read(self, name: str) -> Encoder:
        with _shown_by_name(name):
            return self._loader.load(name)

    def of(self, spec: EncoderSpec) -> Encoder:
        """The encoder of a build. Raises `EncoderRefused` (`fingerprint_mismatch`) where the model has changed."""
        with self._lock:
            same = [one for one in self._open.values() if one.spec.fingerprint == spec.fingerprint]
        return same[0] if same else self._found(spec, self.named)

    def check(self, spec: EncoderSpec) -> None:
        """Look whether the model of a build is there as it was, for whoever starts next: one that is open stays so.

        Raises `EncoderNotFound` and `EncoderRefused` (`fingerprint_mismatch`). The hub is not asked again for what it
        gave: what a revision names stays the same.
        """
        self._found(spec, lambda name: self.named(name) if is_hub_name(name) else self._read(name))

    def _found(self, spec: EncoderSpec, opened: Callable[[str], Encoder]) -> Encoder:
        try:
            return _matching(opened(spec.name), spec.name, spec)
        except EncoderError as error:
            try:
                return _matching(opened(self._configured), self._configured, spec)
            except EncoderError:
                raise error from None


def _matching(encoder: Encoder, name: str, spec: EncoderSpec) -> Encoder:
    if encoder.spec.fingerprint != spec.fingerprint:
        told = (
            "the model {} is not the one the build was made with: put the old one back, or change over with "
            "`vitrine builds start --encoder`, promote that build and retire this one"
        )
        raise EncoderRefused(told.format(name), code="fingerprint_mismatch", shown=told.format(shown_name(name)))
    return encoder


class _ShownByName:
    """An encoder whose towers are loaded at their first use, and may be refused as late as that."""

    def __init__(self, encoder: Encoder, name: str) -> None:
        self._encoder = encoder
        self._name = name

    @property
    def spec(self) -> EncoderSpec:
        return self._encoder.spec

    def prepare(self, content: bytes) -> Pixels:
        return self._encoder.prepare(content)

    def encode_images(self, pictures: Sequence[Pixels]) -> Vectors:
        with _shown_by_name(self._name):
            return self._encoder.encode_images(pictures)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        with _shown_by_name(self._name):
            return self._encoder.encode_texts(texts)


@contextmanager
def _shown_by_name(name: str) -> Iterator[None]:
    """Tell strangers which encoder fails: the words of an adapter say where it lies, or are those of a library."""
    try:
        yield
    except (EncoderNotFound, EncoderRefused) as error:
        what = "cannot be found" if isinstance(error, EncoderNotFound) else "cannot be loaded"
        error.shown = f"the encoder {shown_name(name)} {what}: the log of the service says why"
        raise
