"""How a command ends when it cannot do what was asked: the exit code, and the line that says what to do."""

from app.domain.errors import EncoderError, Misconfigured, Refused, VitrineError

FAILED_IN_PART = 1
WRONG_USE = 2

_HINTS = {
    "unknown_catalog": "make it with `vitrine ingest SOURCE --catalog NAME`; `vitrine status` lists those there are",
    "unknown_product": "product ids are those of the manifest",
    "unknown_upload": "`vitrine uploads list` shows the newest",
    "unknown_attribute": "`vitrine status` shows the attributes a catalog declares",
    "unknown_build": "`vitrine builds list` shows them",
    "gate_failed": "`vitrine builds show BUILD` tells it too, and `promote BUILD --force --reason WHY` forces it",
    "dry_run_unfinished": "`vitrine builds show BUILD` tells how it goes, and `vitrine builds abort BUILD` ends it",
    "being_tuned": "`vitrine builds show BUILD` tells how far that is",
    "rolled_back": "`vitrine builds promote BUILD` does",
    "attribute_name": "rename the column",
    "schema_change": "rename the column, or ingest into another catalog with --catalog",
    "service_unreachable": "is the service running? start it with `vitrine serve`, or leave --url out",
    "internal": "the service's log has more",
}


def exit_code(error: VitrineError) -> int:
    """2 where the person can mend what was asked (use, settings, model, source), 1 where the work itself failed."""
    wrong_use = isinstance(error, Refused | Misconfigured | EncoderError)
    return WRONG_USE if wrong_use or error.code == "service_unreachable" else FAILED_IN_PART


def line_of(error: VitrineError) -> str:
    """One line: what is wrong, its code, and what to do."""
    hint = _HINTS.get(error.code)
    return f"{error.detail} [{error.code}]" + (f" - {hint}" if hint else "")


def document_of(error: VitrineError) -> dict[str, object]:
    """The JSON document of a command that did nothing."""
    return {"error": {"code": error.code, "detail": error.detail}}
