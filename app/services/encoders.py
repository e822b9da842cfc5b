"""The encoders a process has open, and never another model than the build was made with."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from app.domain.embeddings import EncoderSpec, Pixels, Vectors, shown_name
from app.domain.errors import EncoderError, EncoderNotCached, EncoderNotFound, EncoderRefused, Invalid
from app.ports.encoders import Encoder, EncoderLoader

T = TypeVar("T")

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
        """The encoder of this name, for whoever has just stated it: nobody else is told where one was looked for.

        Raises `Invalid` (`encoder_not_found`, `encoder_refused`): it is the request that cannot be met.
        """
        try:
            return self.named(name)
        except (EncoderNotFound, EncoderRefused) as error:
            raise Invalid(error.detail, code=error.code, field="encoder") from error

    def _load(self, name: str) -> Encoder:
        until, error = self._failed.get(name, (0.0, None))
        if error is not None and time.monotonic() < until:
            raise error
        try:
            with _shown_by_name(name):
                return _ShownByName(self._loader.load(name), name)
        except EncoderError as error:
            self._failed[name] = (time.monotonic() + FAILED_FOR_S, error)
            raise

    def of(self, spec: EncoderSpec) -> Encoder:
        """The encoder of a build. Raises `EncoderRefused` (`fingerprint_mismatch`) where the model has changed."""
        with self._lock:
            same = [one for one in self._open.values() if one.spec.fingerprint == spec.fingerprint]
        return same[0] if same else self._found(spec, self._opened)

    def check(self, spec: EncoderSpec) -> bool:
        """Look whether the model of a build lies here as it was, for whoever starts next; opens and fetches nothing.

        False for one of the hub that is not on this machine: on one that never opens it, that is as it should be. But
        where this process has it open it was here, and is gone. Raises `EncoderNotFound` (then `encoder_not_cached`)
        and `EncoderRefused` (`fingerprint_mismatch`).
        """
        try:
            self._found(spec, self._look)
        except EncoderNotCached:
            if spec.name in self._open:
                raise
            return False
        return True

    def _opened(self, name: str, spec: EncoderSpec) -> Encoder:
        encoder = self.named(name)
        _match(encoder.spec, name, spec)
        return encoder

    def _look(self, name: str, spec: EncoderSpec) -> None:
        with _shown_by_name(name):
            found = self._loader.look(name)
        _match(found, name, spec)

    def _found(self, spec: EncoderSpec, tried: Callable[[str, EncoderSpec], T]) -> T:
        """What is had of the name a build's model has, or else of the configured one."""
        try:
            return tried(spec.name, spec)
        except EncoderError as error:
            try:
                return tried(self._configured, spec)
            except EncoderError:
                raise error from None


def _match(found: EncoderSpec, name: str, spec: EncoderSpec) -> None:
    if found.fingerprint != spec.fingerprint:
        told = (
            "the model {} is not the one the build was made with: put the old one back, or change over with "
            "`vitrine builds start --encoder`, promote that build and retire this one"
        )
        raise EncoderRefused(told.format(name), code="fingerprint_mismatch", shown=told.format(shown_name(name)))


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
