"""Encoding what a page of a build has no embedding for, a few products at a time: live uploads go first."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from app.domain.build_steps import Step
from app.domain.errors import BlobsUnavailable, EncoderOutOfMemory
from app.domain.uploads import Stage
from app.ports.database import Database
from app.ports.uploads import Failure
from app.services.bring_products import to_write
from app.services.build_rows import contents_of, encodable
from app.services.content_encoder import Begun, ContentEncoder
from app.services.encode_contents import chosen_for_captions, missing_of
from app.services.searches_first import SearchesFirst

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PageEncoder:
    """Everything that encoding pages needs. `batch` is how many products are encoded between two looks at uploads."""

    database: Database
    contents: ContentEncoder
    lease: timedelta
    batch: int
    searches: SearchesFirst

    def encode(self, step: Step, pause: Callable[[], bool]) -> bool:
        """Encode a page and hand it to those who write it; False where `pause` said to stop, or another has it.

        `pause` is called between batches; what was encoded by then is stored. While the process is searched it rests
        after each batch of the model.
        """
        catalog = step.build.catalog
        with self.database.reading() as transaction:
            page = transaction.products.standing_between(catalog, step.page.after, step.page.up_to)
        due = sorted(name for name, one in page.items() if to_write(one, again=step.touched) and not one.deleted)
        portions = [due[start : start + self.batch] for start in range(0, len(due), self.batch)]
        ahead = self._begin(step, portions[0]) if portions else None
        for following in [*portions[1:], None]:
            current, ahead = ahead, None if following is None else self._begin(step, following)
            if current is not None and not self.finish(step, current, self.searches.rests()):
                return False
            if pause():
                return False
        with self.database.writing() as transaction:
            transaction.build_steps.hand_over(step, Stage.INDEX)
        return True

    def _begin(self, step: Step, product_ids: Sequence[str]) -> Begun:
        """Start decoding what a few products lack; the model runs the ones before meanwhile."""
        build = step.build
        with self.database.reading() as transaction:
            chosen = chosen_for_captions(transaction, build.catalog)
            versions = transaction.products.versions(build.catalog, product_ids)
            failed = transaction.builds.failed_contents(build.id, sorted(contents_of(versions, chosen)))
            versions = list(encodable(versions, chosen, failed))
            captioned = [(one, one.product.caption(chosen)) for one in versions]
            lacking = missing_of(transaction, build.encoder, captioned)
        return self.contents.begin(lacking)

    def finish(self, step: Step, begun: Begun, after_each: Callable[[], object]) -> bool:
        """Encode what was begun and store it; False where another worker has the step by now.

        `after_each` is called after each batch of the model.
        """
        encoded = self.contents.finish(begun, after_each)
        # What is away comes back, and a device may have more memory tomorrow: neither is the content's fault.
        away = [one for one in encoded.errors.values() if isinstance(one, BlobsUnavailable | EncoderOutOfMemory)]
        failed = {
            name: Failure(error.code, error.detail)
            for name, error in encoded.errors.items()
            if not isinstance(error, BlobsUnavailable | EncoderOutOfMemory)
        }
        with self.database.writing() as transaction:
            transaction.embeddings.add(begun.spec.fingerprint, encoded.vectors)
            transaction.builds.fail_contents(step.build.id, failed)
            mine = transaction.build_steps.go_on(step, lease=self.lease)
        if failed:
            log.warning("build.contents_failed", extra={"build": step.build.id, "contents": sorted(failed)})
        if away:
            raise away[0]
        return mine
