"""Pictures: the budgets they keep to, and what their first bytes say they are."""

MAX_PICTURE_BYTES = 10 * 1024 * 1024  # a 50-megapixel JPEG of a phone stays below it
MAX_PICTURE_PIXELS = 25_000_000  # 5,000 × 5,000; a picture that is written anew takes 8 bytes a pixel meanwhile
MAX_PICTURE_SIDE = 16_383  # the longest side a WebP can have; a JPEG or PNG beyond it is no photo of a product


def media_type(content: bytes) -> str | None:
    """The media type by magic bytes: JPEG, PNG or WebP; None for anything else, whatever its name says."""
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "image/webp"
    return None
