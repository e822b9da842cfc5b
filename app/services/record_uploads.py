"""The transaction that accepts uploads: versions decided, blobs stored, rows written."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

from app.domain.errors import Conflict, NotFound, VitrineError
from app.domain.products import Catalog, Product, check_attributes
from app.domain.submissions import Submission, content_digest, delete_digest, patch_digest, request_digest
from app.domain.uploads import Newest, Picture, Upload, UploadKind, UploadState, Verdict, decide
from app.ports.blobs import Blob, Blobs
from app.ports.database import Database, Transaction
from app.ports.products import Accepted, StoredProduct


@dataclass(frozen=True, slots=True)
class Checked:
    """A submission that keeps every rule, with its pictures looked at. `changes` are those of a patch."""

    submission: Submission
    product: Product
    pictures: tuple[Picture, ...] = ()
    blobs: Mapping[str, Blob] = field(default_factory=dict)
    changes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def product_id(self) -> str:
        """The product it changes."""
        return self.product.product_id

    @property
    def digest(self) -> str:
        """Over what the caller stated."""
        match self.submission.kind:
            case UploadKind.UPSERT:
                return content_digest(self.product, [picture.source for picture in self.pictures])
            case UploadKind.PATCH:
                return patch_digest(self.product_id, self.changes)
            case UploadKind.DELETE:
                return delete_digest(self.product_id)

    @property
    def request(self) -> str:
        """Over all of the request: what an Idempotency-Key may come with again."""
        return request_digest(self.digest, self.submission.version)


def record(
    database: Database, blobs: Blobs, catalog: Catalog, checked: Sequence[Checked | VitrineError]
) -> list[Upload | VitrineError]:
    """Write down what was checked; errors pass through, and further ones may stand in their place."""
    good = [item for item in checked if isinstance(item, Checked)]
    if not good:
        return [item for item in checked if isinstance(item, VitrineError)]
    pictures = {name: blob for item in good for name, blob in item.blobs.items()}
    # Written before the transaction, where nobody waits for it; stored before its commit and after every refusal: a
    # row never lacks its picture, a refusal leaves no file.
    with blobs.staged(pictures) as store, database.writing() as transaction:
        ledger = _Ledger(transaction, catalog, good)
        outcomes = [ledger.enter(item) if isinstance(item, Checked) else item for item in checked]
        store(ledger.pictures)
        receipts = ledger.write()
        known = [one for one in outcomes if isinstance(one, str) and one not in receipts]
        receipts |= transaction.uploads.get(known)
    return [receipts[outcome] if isinstance(outcome, str) else outcome for outcome in outcomes]


class _Ledger:
    """The state of one accepting transaction: what is newest so far, and what is to be written."""

    def __init__(self, transaction: Transaction, catalog: Catalog, checked: Sequence[Checked]) -> None:
        self._transaction = transaction
        self._catalog = catalog
        stated_keys = [item.submission.idempotency_key for item in checked]
        keys = [key for key in stated_keys if key is not None]
        # Held from before they are read: of two requests with one key, the later must find the answer to the first.
        transaction.idempotency_keys.lock(catalog.name, keys)
        self._keys = transaction.idempotency_keys.get(catalog.name, keys)
        ids = [item.product_id for item in checked]
        self._newest = transaction.products.lock(catalog.name, ids)
        stated = [(item.product_id, item.submission.version) for item in checked]
        versions = [(product_id, version) for product_id, version in stated if version is not None]
        self._known = transaction.uploads.known(catalog.name, versions)
        patched = [item.product_id for item in checked if item.submission.kind is UploadKind.PATCH]
        self._stored = transaction.products.get(catalog.name, patched)
        self._accepted: list[Accepted] = []
        self._answered: list[tuple[str, str, str]] = []
        self._pictures: dict[str, Collection[str]] = {}

    @property
    def pictures(self) -> set[str]:
        """The pictures, of those that came along, of the versions that are the newest now."""
        return {name for some in self._pictures.values() for name in some}

    def enter(self, item: Checked) -> str | VitrineError:
        """The id of the upload that answers this submission, new or not; or why it is refused."""
        key = item.submission.idempotency_key
        try:
            if key is not None and key in self._keys:
                return _same_request(self._keys[key], item.request)
            upload_id = self._enter(item)
        except VitrineError as error:
            return error
        if key is not None:
            self._keys[key] = (item.request, upload_id)
            self._answered.append((key, item.request, upload_id))
        return upload_id

    def _enter(self, item: Checked) -> str:
        newest = self._newest[item.product_id]
        version = item.submission.version
        product, pictures = self._outcome(item, newest)
        sources = [picture.source for picture in pictures]
        deleting = item.submission.kind is UploadKind.DELETE
        digest = item.digest
        becomes = digest if deleting else content_digest(product, sources)
        known = self._known.get((item.product_id, version)) if version is not None else None
        verdict = decide(newest, known, version=version, digest=digest, content_digest=becomes)
        if verdict.upload_id is not None:
            return verdict.upload_id
        state = _first_state(item, verdict, pictures)
        upload_id = uuid4().hex
        kind = item.submission.kind
        self._accepted.append(
            Accepted(upload_id, verdict.version, verdict.newest, kind, state, digest, becomes, product, pictures)
        )
        self._known[item.product_id, verdict.version] = (upload_id, digest)
        if verdict.newest:
            self._newest[item.product_id] = Newest(verdict.version, becomes, upload_id, deleting, settled=True)
            self._stored[item.product_id] = StoredProduct(product, verdict.version, upload_id, state, tuple(pictures))
            if item.submission.kind is not UploadKind.PATCH:  # which keeps the pictures there are
                self._pictures[item.product_id] = item.blobs.keys()
        return upload_id

    def _outcome(self, item: Checked, newest: Newest) -> tuple[Product, Sequence[Picture]]:
        """The product as the submission leaves it."""
        match item.submission.kind:
            case UploadKind.UPSERT:
                return item.product, item.pictures
            case UploadKind.DELETE if newest.version == 0 or newest.deleted:
                # A stated version may be a deletion that overtook its product: it must win over what comes late.
                if item.submission.version is None:
                    raise NotFound(
                        f"there is no product {item.product_id}", code="unknown_product", field="product_id"
                    )
                return Product(item.product_id, ""), ()
            case UploadKind.DELETE:
                return Product(item.product_id, ""), ()
            case UploadKind.PATCH:
                return self._patched(item, newest)

    def _patched(self, item: Checked, newest: Newest) -> tuple[Product, Sequence[Picture]]:
        stored = self._stored.get(item.product_id)
        if stored is None or newest.deleted:
            raise NotFound(f"there is no product {item.product_id}", code="unknown_product", field="product_id")
        merged = {**stored.product.attributes, **item.changes}
        kept = {name: value for name, value in merged.items() if value is not None}
        attributes = check_attributes(kept, self._catalog.attributes)
        return replace(stored.product, attributes=attributes), stored.pictures

    def write(self) -> dict[str, Upload]:
        """Write every new upload, the products that became newer, and the keys; returns the receipts by id."""
        last = {upload.product.product_id: upload for upload in self._accepted if upload.newest}
        receipts = self._transaction.uploads.add(
            self._catalog.name, [self._overtaken(upload, last) for upload in self._accepted]
        )
        self._transaction.products.save(self._catalog.name, list(last.values()))
        for key, digest, upload_id in self._answered:
            self._transaction.idempotency_keys.add(self._catalog.name, key, digest, upload_id)
        return receipts

    def _overtaken(self, upload: Accepted, last: Mapping[str, Accepted]) -> Accepted:
        """An upload that a later one of the same transaction has overtaken is superseded from the start."""
        if upload.newest and last[upload.product.product_id] is not upload:
            return replace(upload, newest=False, state=UploadState.SUPERSEDED)
        return upload


def _first_state(item: Checked, verdict: Verdict, pictures: Sequence[Picture]) -> UploadState:
    """Where an upload begins: stages that have nothing to do for it are passed at once."""
    if not verdict.newest:
        return UploadState.SUPERSEDED
    if item.submission.kind is UploadKind.DELETE:
        return UploadState.ENCODED
    waiting = any(picture.content_hash is None and picture.error_code is None for picture in pictures)
    return UploadState.ACCEPTED if waiting else UploadState.FETCHED


def _same_request(answered: tuple[str, str], request: str) -> str:
    known_request, upload_id = answered
    if known_request != request:
        raise Conflict(
            "this Idempotency-Key came before with another request",
            code="idempotency_key_reused",
            field="Idempotency-Key",
        )
    return upload_id
