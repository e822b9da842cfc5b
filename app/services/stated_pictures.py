"""Pictures that requests state, by their content or by URL."""

from app.domain.embeddings import Pixels
from app.domain.errors import VitrineError
from app.ports.encoders import Encoder
from app.ports.fetching import PictureFetcher
from app.ports.pictures import PictureChecker


def checked_pixels(
    encoder: Encoder, checker: PictureChecker, fetcher: PictureFetcher, picture: bytes | str, *, field: str
) -> Pixels:
    """The pixels of a picture, or of the one behind a URL, as `encoder` takes them.

    Raises what `PictureFetcher` and `PictureChecker` raise, with the field of the request.
    """
    # The same way a product's picture takes: what is the same picture must be the same vector.
    try:
        stated = fetcher.fetch(picture) if isinstance(picture, str) else picture
        return encoder.prepare(checker.check(stated).content)
    except VitrineError as error:
        error.field = field
        raise
