"""Encoding the words of kept queries, for a build and for the live one that it is compared with."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from app.domain.build_steps import NewStep, Step, StepKind
from app.domain.errors import EncoderError
from app.ports.database import Database
from app.services.content_encoder import ContentEncoder
from app.services.encode_contents import Missing
from app.services.finish_step import finish_step
from app.services.replay_queries import Replayer
from app.services.searches_first import SearchesFirst

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WordEncoder:
    """Everything that encoding words needs. `batch` is how many are encoded between two looks at uploads."""

    database: Database
    replayer: Replayer
    contents: ContentEncoder
    lease: timedelta
    batch: int
    searches: SearchesFirst

    def encode(self, step: Step, pause: Callable[[], bool]) -> bool:
        """Encode what has no embedding, and let the check go on; False where `pause` said to stop.

        `pause` is called between batches; what was encoded by then is stored, and while the process is searched it
        rests after each. Words that an encoder fails on are left out, and so is all of a live build whose model can
        no longer be had: the check tells what was not asked.
        """
        build, count = step.build, 0
        with self.database.reading() as transaction:
            live = transaction.builds.live(build.catalog)
        for missing in self.replayer.lacking([build, *([live] if live else [])]):
            try:
                for some in self._portions(missing):
                    count += self._encoded(step, some)
                    with self.database.writing() as transaction:
                        mine = transaction.build_steps.go_on(step, lease=self.lease)
                    if not mine or pause():
                        return False
            except EncoderError as error:
                if missing.spec.fingerprint == build.encoder.fingerprint:
                    raise
                log.warning("build.live_not_asked", extra={"build": build.id, "detail": error.detail})
        with self.database.writing() as transaction:
            finish_step(transaction, step, NewStep(StepKind.CHECK, told={"words": count}))
        return True

    def _encoded(self, step: Step, some: Missing) -> int:
        encoded = self.contents.finish(self.contents.begin(some), self.searches.rests())
        if encoded.errors:
            told = sorted({error.code for error in encoded.errors.values()})
            log.warning(
                "build.words_failed", extra={"build": step.build.id, "count": len(encoded.errors), "codes": told}
            )
        with self.database.writing() as transaction:
            transaction.embeddings.add(some.spec.fingerprint, encoded.vectors)
        return len(encoded.vectors)

    def _portions(self, missing: Missing) -> Iterator[Missing]:
        texts = list(missing.captions.items())
        for start in range(0, len(texts), self.batch):
            yield Missing(missing.spec, [], dict(texts[start : start + self.batch]))
