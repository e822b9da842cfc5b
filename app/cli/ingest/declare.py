"""The catalog an ingest fills: what its manifest needs, declared where it is not yet."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.adapters.manifest import Manifest, ManifestRow
from app.cli.connection import Service, catalog_path
from app.domain.errors import Refused
from app.domain.inference import infer_schema
from app.domain.products import AttributeType


@dataclass(frozen=True, slots=True)
class Declaration:
    """A catalog's attributes; `added` are those this ingest declared, `created` whether the whole catalog is new.

    `encoder` is that of its live build; `rows` counts what stands in the manifest, good or bad.
    """

    attributes: Mapping[str, AttributeType]
    added: Mapping[str, AttributeType]
    created: bool
    encoder: str
    rows: int


def declare(service: Service, name: str, manifest: Manifest) -> Declaration | None:
    """Read the manifest through once, and declare the attributes that the catalog lacks, with types inferred.

    None where there is no such catalog and no good row to make one for.
    """
    known = _declared(service, name)
    attributes = {} if known is None else {key: AttributeType(told) for key, told in known["attributes"].items()}
    survey = _Survey(manifest, attributes)
    added = infer_schema(survey.unknown_attributes())
    if known is None and not survey.good:
        return None
    now = known
    if now is None or added:
        whole = {key: declared.value for key, declared in {**attributes, **added}.items()}
        caption = [] if known is None else known["caption"]
        now = service.put(catalog_path(name), {"attributes": whole, "caption": caption})
    return Declaration({**attributes, **added}, added, known is None, now["build"]["encoder"], survey.rows)


def _declared(service: Service, name: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = service.get(catalog_path(name))
    except Refused as error:
        if error.code != "unknown_catalog":
            raise
        return None
    return found


class _Survey:
    """One pass over a manifest that counts its rows on the way."""

    def __init__(self, manifest: Manifest, known: Mapping[str, AttributeType]) -> None:
        self._manifest = manifest
        self._known = known
        self.rows = 0
        self.good = 0

    def unknown_attributes(self) -> Iterator[dict[str, Any]]:
        """The attributes of every good row that the catalog does not declare."""
        for row in self._manifest.rows():
            self.rows += 1
            if isinstance(row, ManifestRow):
                self.good += 1
                yield {name: value for name, value in row.attributes.items() if name not in self._known}
