"""What a batch of uploads needs encoded: the pictures and captions without an embedding, under every encoder."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from app.domain.builds import Build
from app.domain.embeddings import EncoderSpec, text_hash
from app.domain.products import Catalog
from app.domain.uploads import Claim, ProductVersion
from app.ports.database import Transaction

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Missing:
    """What has no embedding under one encoder: content hashes of pictures, captions by content hash."""

    spec: EncoderSpec
    pictures: Sequence[str]
    captions: Mapping[str, str]


def declaration_of(transaction: Transaction, name: str) -> Catalog:
    """What a catalog declares; nothing at all where there is none."""
    return transaction.catalogs.get(name) or Catalog(name, {})


def chosen_for_captions(transaction: Transaction, name: str) -> tuple[str, ...]:
    """The attributes that captions of a catalog's products have."""
    return declaration_of(transaction, name).caption


def captions_of(transaction: Transaction, claims: Sequence[Claim]) -> dict[str, str]:
    """The caption of every claim, by upload id."""
    chosen = {name: chosen_for_captions(transaction, name) for name in {claim.catalog for claim in claims}}
    return {claim.upload_id: claim.product.caption(chosen[claim.catalog]) for claim in claims}


def missing(
    transaction: Transaction,
    claims: Sequence[Claim],
    captions: Mapping[str, str],
    builds: Mapping[str, Sequence[Build]],
) -> list[Missing]:
    """What has no embedding yet, for each encoder of the builds of each catalog."""
    return [
        missing_of(transaction, spec, [(c.content, captions[c.upload_id]) for c in claims if c.catalog in readers])
        for spec, readers in _encoders_of(builds)
    ]


def missing_of(
    transaction: Transaction, spec: EncoderSpec, versions: Sequence[tuple[ProductVersion, str]]
) -> Missing:
    """What of some versions, each with its caption, has no embedding yet under one encoder."""
    shown = [(one, caption) for one, caption in versions if not one.deleted]
    pictures = {
        picture.content_hash
        for one, _ in shown
        for picture in one.pictures
        if picture.content_hash and not picture.error_code
    }
    texts = {text_hash(caption): caption for _, caption in shown}
    known = transaction.embeddings.known(spec.fingerprint, [*pictures, *texts])
    return Missing(spec, sorted(pictures - known), without(texts, known))


def without(items: Mapping[str, V], known: Collection[str]) -> dict[str, V]:
    """The items whose content hash is not known."""
    return {name: item for name, item in items.items() if name not in known}


def _encoders_of(builds: Mapping[str, Sequence[Build]]) -> list[tuple[EncoderSpec, set[str]]]:
    """Every encoder that is needed, with the catalogs whose builds need it."""
    found: dict[str, tuple[EncoderSpec, set[str]]] = {}
    for catalog, some in builds.items():
        for build in some:
            found.setdefault(build.encoder.fingerprint, (build.encoder, set()))[1].add(catalog)
    return list(found.values())
