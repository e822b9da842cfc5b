"""Recall as it is printed: by `train` after every epoch, and by `eval`."""

from rich.table import Table

from app.domain.recall import Recall


def recall_document(found: Recall) -> dict[str, float]:
    """Recall as JSON: shares from 0 to 1, and the median of the ranks, from 1."""
    return {
        "recall_at_1": round(found.at_1, 4),
        "recall_at_5": round(found.at_5, 4),
        "recall_at_10": round(found.at_10, 4),
        "median_rank": found.median_rank,
        "queries": found.queries,
    }


def recall_table(text_to_picture: Recall, picture_to_text: Recall) -> Table:
    """Recall for a person."""
    table = Table("", "recall@1", "recall@5", "recall@10", "median rank", "queries")
    for way, found in (("text → picture", text_to_picture), ("picture → text", picture_to_text)):
        shares = (f"{share:.3f}" for share in (found.at_1, found.at_5, found.at_10))
        table.add_row(way, *shares, f"{found.median_rank:g}", str(found.queries))
    return table


def share_of(measured: int, held_out: int) -> str:
    """How many of the held-out rows were measured: recall falls with their number."""
    return f"all {held_out:,}" if measured == held_out else f"{measured:,} of {held_out:,}"


def recall_line(found: Recall) -> str:
    """Recall in a line: @1, @5, @10 and the median rank."""
    return f"{found.at_1:.3f} / {found.at_5:.3f} / {found.at_10:.3f}, median rank {found.median_rank:g}"
