"""Manifests: the CSV file, JSONL file or folder of pictures that `vitrine ingest` and `vitrine train` read."""

from app.adapters.manifest.rows import BadRow, Manifest, ManifestRow
from app.adapters.manifest.sources import FilePicture, PictureSource, UrlPicture, ZipPicture

__all__ = ["BadRow", "FilePicture", "Manifest", "ManifestRow", "PictureSource", "UrlPicture", "ZipPicture"]
