"""What an ingest tells a person at its end."""

from rich.table import Table

from app.cli.ingest.tally import Tally
from app.cli.screen import plain

_SHOWN_ERRORS = 20


def summary(tally: Tally, seconds: float) -> list[Table | str]:
    """What went in, what did not, and why."""
    counts = ", ".join(f"{tally.ended[state]} {state}" for state in ("indexed", "superseded", "dead"))
    return [
        f"{tally.accepted} accepted{_unchanged(tally)}, {counts} in {seconds:.1f} s",
        *_unpictured(tally),
        *_lost(tally),
        *_errors(tally),
    ]


def _unchanged(tally: Tally) -> str:
    if not tally.unchanged:
        return ""
    if tally.unchanged == tally.accepted:
        return " (every one already as stated: nothing changed)"
    return f" ({tally.unchanged} already as stated)"


def _unpictured(tally: Tally) -> list[str]:
    if not tally.accepted or tally.pictured:
        return []
    return ["no product has a picture: a column `image` or `images` names them"]


def _lost(tally: Tally) -> list[str]:
    products, pictures = tally.losses
    told = []
    if products:
        told.append(f"{_counted(products, 'product')} not taken")
    if pictures:
        which = (
            "its product is searchable without it" if pictures == 1 else "their products are searchable without them"
        )
        told.append(f"{_counted(pictures, 'picture')} left out; {which}")
    return told


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("s" if count > 1 else "")


def _errors(tally: Tally) -> list[Table | str]:
    if not tally.errors:
        return []
    table = Table("product", "lost", "code", "what is wrong")
    for error in tally.errors[:_SHOWN_ERRORS]:
        table.add_row(*(plain(error[column] or "-") for column in ("product_id", "lost", "code", "detail")))
    more = len(tally.errors) - _SHOWN_ERRORS
    return [table, f"and {more} more: --json lists them all"] if more > 0 else [table]
