"""Exact scores for the candidates of an index that keeps less than the vectors, and ranks by what it kept."""

from collections.abc import Sequence

from app.domain.builds import Build
from app.domain.embeddings import Vectors
from app.domain.fusion import rank
from app.domain.search import Candidate
from app.ports.database import Database
from app.services.stored_vectors import planned_rows, with_vectors


def rescored(
    database: Database, build: Build, queries: Vectors, candidates: Sequence[Candidate], *, pictures: bool
) -> list[Candidate]:
    """The candidates ranked by the vectors that are stored: of their `pictures`, or of their captions.

    Of several queries, shape (n, dimension), the one that is nearest to a row counts. A product without a stored
    vector keeps the score that its index gave it.
    """
    with database.reading() as transaction:
        planned = planned_rows(transaction, build.catalog, [one.product_id for one in candidates])
        rows = with_vectors(transaction, build, [row for row in planned if row.is_picture is pictures])
    if rows is None:
        return list(candidates)
    told = {one.product_id: one for one in candidates}
    best = (queries @ rows.vectors.T).max(axis=0).tolist()
    # By content, for one vector at two places of a matrix may score a last digit apart, and equals share a rank.
    scores = dict(zip((row.content_hash for row in rows.planned), best, strict=True))
    found = [(row.id, row.product_id, scores[row.content_hash]) for row in rows.planned]
    stored = {row.product_id for row in rows.planned}
    found += [(one.row_id, one.product_id, one.score) for one in candidates if one.product_id not in stored]
    return [one._replace(approximate=told[one.product_id].score) for one in rank(found)]
