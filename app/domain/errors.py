"""The one tree of errors, branched by what the caller can do about it.

    VitrineError                    code, detail
    ├── Refused                     the request is wrong; the caller mends it and asks again
    │   ├── Malformed               it cannot be read: JSON, cursor, multipart
    │   ├── Invalid                 it can be read and breaks a rule: id, attribute, filter, query, picture
    │   │   ├── ImageFormat         not a JPEG, PNG or WebP
    │   │   ├── ImageCorrupt        it cannot be decoded
    │   │   ├── ImageTooManyPixels  a header that promises more than the budget
    │   │   └── UrlNotAllowed       an address we do not connect to
    │   ├── TooLarge                more bytes than the budget
    │   ├── NotFound                no such catalog, product, upload, build
    │   └── Conflict                the state does not allow it: version, build, idempotency key
    ├── Unavailable                 an outside thing does not answer; the same call may work later
    │   ├── DatabaseUnavailable
    │   ├── StoreUnavailable        Milvus
    │   ├── BrokerUnavailable
    │   ├── BlobsUnavailable
    │   ├── EncoderNotLoaded        an API process is not ready for a build
    │   └── FetchFailed             a picture's server: time-out, 5xx
    ├── Gone                        an outside thing answers, and will answer so again
    │   └── FetchRefused            a picture's server: 404, not a picture's size
    ├── EncoderError                the model
    │   ├── EncoderNotFound         no such directory, or a hub that cannot be reached
    │   │   └── EncoderNotCached    one of the hub that is not on this machine, where nothing may be fetched
    │   ├── EncoderRefused          it is there and is not what we load
    │   ├── EncoderOutOfMemory      a batch too large for the device
    │   └── BadVector               NaN, a wrong shape, a norm that is not 1
    └── Misconfigured               a setting, a port in use, a data directory held by another process

Which HTTP status belongs to which branch is said in `app/api/errors.py` alone.
"""


class VitrineError(Exception):
    """The root. `code` is stable and machine-readable; `detail` is for a person; `field` names what it is about.

    `shown` is what the API answers with: `detail`, unless that tells the operator what is nobody else's business.
    """

    code = "internal"

    def __init__(
        self, detail: str, *, code: str | None = None, field: str | None = None, shown: str | None = None
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.shown = detail if shown is None else shown
        self.field = field
        if code is not None:
            self.code = code


class Refused(VitrineError):
    """The request is wrong; the caller mends it and asks again."""

    code = "refused"


class Malformed(Refused):
    """The request cannot be read."""

    code = "malformed"


class Invalid(Refused):
    """The request can be read and breaks a rule."""

    code = "invalid"


class ImageFormat(Invalid):
    """Not a JPEG, PNG or WebP, whatever its name says."""

    code = "image_format"


class ImageCorrupt(Invalid):
    """A picture that cannot be decoded."""

    code = "image_corrupt"


class ImageTooManyPixels(Invalid):
    """A header that promises more pixels than the budget."""

    code = "image_too_many_pixels"


class UrlNotAllowed(Invalid):
    """An address we do not connect to."""

    code = "url_not_allowed"


class TooLarge(Refused):
    """More bytes than the budget."""

    code = "too_large"


class NotFound(Refused):
    """No such catalog, product, upload or build."""

    code = "not_found"


class Conflict(Refused):
    """The state does not allow it."""

    code = "conflict"


class Unavailable(VitrineError):
    """An outside thing does not answer; the same call may work later."""

    code = "unavailable"


class DatabaseUnavailable(Unavailable):
    """The database does not answer."""

    code = "database_unavailable"


class StoreUnavailable(Unavailable):
    """Milvus does not answer, or refuses for a passing reason."""

    code = "store_unavailable"


class BrokerUnavailable(Unavailable):
    """The broker does not answer."""

    code = "broker_unavailable"


class BlobsUnavailable(Unavailable):
    """The store of pictures does not answer."""

    code = "blobs_unavailable"


class EncoderNotLoaded(Unavailable):
    """An API process has not loaded the encoder of a build that is to go live."""

    code = "encoder_not_loaded"


class FetchFailed(Unavailable):
    """A picture's server timed out or answered 5xx."""

    code = "fetch_failed"


class Gone(VitrineError):
    """An outside thing answers, and will answer so again."""

    code = "gone"


class FetchRefused(Gone):
    """A picture's server says there is no such picture, or sends more than the budget."""

    code = "fetch_refused"


class EncoderError(VitrineError):
    """The model."""

    code = "encoder"


class EncoderNotFound(EncoderError):
    """No such model directory, or a hub that cannot be reached."""

    code = "encoder_not_found"


class EncoderNotCached(EncoderNotFound):
    """A model of the hub that is not on this machine, for who only looks: whoever opens it fetches it."""

    code = "encoder_not_cached"


class EncoderRefused(EncoderError):
    """A model that is there and is not one we load."""

    code = "encoder_refused"


class EncoderOutOfMemory(EncoderError):
    """A batch too large for the device."""

    code = "encoder_out_of_memory"


class BadVector(EncoderError):
    """A vector that must not be stored: NaN, a wrong shape, a norm that is not 1."""

    code = "bad_vector"


class Misconfigured(VitrineError):
    """A setting that cannot work, a port in use, a data directory held by another process."""

    code = "misconfigured"
