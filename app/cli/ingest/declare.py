"""The catalog an ingest fills: what its manifest needs, declared where it is not yet."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from app.adapters.manifest import BadRow, Manifest, ManifestRow
from app.cli.connection import Service, catalog_path
from app.cli.ingest.column_types import check_stated
from app.domain.errors import Refused
from app.domain.inference import Inference, NearMiss
from app.domain.products import AttributeType


@dataclass(frozen=True, slots=True)
class Declaration:
    """A catalog's attributes; `added` are those this ingest declared, `created` whether the whole catalog is new.

    `near_misses` are those of `added` that few values kept from a narrower type. `encoder` is that of its live build;
    `rows` counts what stands in the manifest, good or bad.
    """

    attributes: Mapping[str, AttributeType]
    added: Mapping[str, AttributeType]
    near_misses: list[NearMiss]
    created: bool
    encoder: str
    rows: int


def declare(
    service: Service, name: str, manifest: Manifest, stated: Mapping[str, AttributeType]
) -> Declaration | None:
    """Read the manifest through once, and declare the attributes that the catalog lacks, as stated or as inferred.

    None where there is no such catalog and no good row to make one for. Raises `Invalid` where a stated type
    contradicts the catalog, or names no column of attributes.
    """
    known = _declared(service, name)
    attributes = {} if known is None else {key: AttributeType(told) for key, told in known["attributes"].items()}
    survey = _Survey(manifest.rows(), attributes)
    inferred = survey.inference.schema()
    if known is None and not survey.good:
        return None
    # A column whose cells are all empty has a name, and a type where somebody says one.
    empty = {key: stated[key] for key in manifest.columns() if key in stated and key not in {*attributes, *inferred}}
    check_stated(stated, attributes, {**inferred, **empty}, manifest)
    added = {key: stated.get(key, declared) for key, declared in {**inferred, **empty}.items()}
    now = known
    if now is None or added:
        whole = {key: declared.value for key, declared in {**attributes, **added}.items()}
        caption = [] if known is None else known["caption"]
        now = service.put(catalog_path(name), {"attributes": whole, "caption": caption})
    near_misses = [miss for miss in survey.inference.near_misses() if miss.name not in stated]
    return Declaration(
        {**attributes, **added}, added, near_misses, known is None, now["build"]["encoder"], survey.rows
    )


def _declared(service: Service, name: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = service.get(catalog_path(name))
    except Refused as error:
        if error.code != "unknown_catalog":
            raise
        return None
    return found


class _Survey:
    """One pass over a manifest: how many rows it has, and what the good ones say of attributes not known yet."""

    def __init__(self, rows: Iterable[ManifestRow | BadRow], known: Mapping[str, AttributeType]) -> None:
        self.inference = Inference()
        self.rows = 0
        self.good = 0
        for row in rows:
            self.rows += 1
            if isinstance(row, ManifestRow):
                self.good += 1
                unknown = {name: value for name, value in row.attributes.items() if name not in known}
                self.inference.observe(unknown, row.line)
