"""Texts and pictures to be encoded, as callers state them."""

from pydantic import BaseModel, ConfigDict, Field, StrictStr

from app.api.schemas.products import decode_base64
from app.domain.errors import Invalid
from app.domain.products import check_id
from app.services.embed import Content


class PictureIn(BaseModel):
    """A picture: as base64, or by URL."""

    model_config = ConfigDict(extra="forbid")

    data: StrictStr | None = None
    url: StrictStr | None = None

    def content(self, where: str) -> Content:
        """The content that `where` states. Raises `Invalid`."""
        if (self.data is None) == (self.url is None):
            raise Invalid(f"{where} takes one of data and url", code="bad_image", field=where)
        return Content(where, picture=self.url if self.data is None else decode_base64(self.data, where))


class _ByEncoder(BaseModel):
    """The encoder is that of the live build of `catalog`, or else the one of the service."""

    model_config = ConfigDict(extra="forbid")

    catalog: StrictStr | None = None

    def catalog_name(self) -> str | None:
        """The name of the catalog. Raises `Invalid` (`bad_id`)."""
        return None if self.catalog is None else check_id(self.catalog, "catalog")


class EmbedIn(_ByEncoder):
    """Texts and pictures; the encoder is that of `catalog`, or else the one of the service."""

    texts: list[StrictStr] = Field(default_factory=list)
    images: list[PictureIn] = Field(default_factory=list)

    def contents(self) -> list[Content]:
        """Texts, then pictures."""
        texts = [Content(f"texts[{place}]", text=text) for place, text in enumerate(self.texts)]
        return texts + [image.content(f"images[{place}]") for place, image in enumerate(self.images)]


class SideIn(BaseModel):
    """One side of a pair: a text, or a picture."""

    model_config = ConfigDict(extra="forbid")

    text: StrictStr | None = None
    image: PictureIn | None = None

    def content(self, where: str) -> Content:
        """The content that `where` states. Raises `Invalid`."""
        if self.image is not None and self.text is None:
            return self.image.content(f"{where}.image")
        if self.text is None or self.image is not None:
            raise Invalid(f"{where} takes one of text and image", code="bad_side", field=where)
        return Content(f"{where}.text", text=self.text)


class SimilarityIn(_ByEncoder):
    """Pairs to be compared; the encoder is that of `catalog`, or else the one of the service."""

    pairs: list[tuple[SideIn, SideIn]]

    def contents(self) -> list[tuple[Content, Content]]:
        """The pairs, in order."""
        return [
            (one.content(f"pairs[{place}][0]"), other.content(f"pairs[{place}][1]"))
            for place, (one, other) in enumerate(self.pairs)
        ]
