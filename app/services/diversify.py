"""Choosing what is shown of a ranking: at most so many of a group, and nearly the same picture once."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from app.domain.answers import ShownProduct
from app.domain.column import ABSENT
from app.domain.cursors import MAX_PLACES
from app.domain.diversity import Behind, Choice, Diversity, PicturesOf, choose
from app.domain.embeddings import Vectors
from app.domain.grouping import group_sizes
from app.domain.search import Candidate, Leg, SearchQuery
from app.ports.database import Database
from app.services.build_rows import position_of
from app.services.catalog_groups import keys_of
from app.services.search_legs import Found, Plan


def diversified(database: Database, plan: Plan, query: SearchQuery, found: Found) -> Found:
    """What was found, with what is shown of it down to the least score.

    What passes no longer is left out first: nobody stands behind a product that is not shown.
    """
    ranked = found.at_least(query.min_score)
    there = set(plan.passing.among([one.product_id for one in ranked]).product_ids())
    ranked = [one for one in ranked if one.product_id in there]
    ids = [one.product_id for one in ranked]
    limit, keys = 1, np.full(len(ids), ABSENT)
    if query.group is not None:
        limit, keys = query.group.limit, keys_of(plan.passing, query.group.by, ids)
    compared = _pictures_of(database, plan, ids, found.legs.get(Leg.IMAGE, ())) if query.collapse_duplicates else None
    choice = choose(keys, limit, compared, most=MAX_PLACES)
    sizes = group_sizes(keys).tolist()
    shown, left_out = [ranked[place] for place in choice.shown], behind(choice, ids)
    whole = len(shown) + len(left_out) == len(ids)
    return replace(found, diversity=Diversity(shown, [sizes[place] for place in choice.shown], left_out, whole))


def behind(choice: Choice, product_ids: Sequence[str]) -> dict[str, Behind]:
    """What keeps out each product that is not chosen; `product_ids` are those of the places."""
    return {product_ids[place]: Behind(why, product_ids[first]) for place, (why, first) in choice.left_out.items()}


def _pictures_of(
    database: Database, plan: Plan, product_ids: Sequence[str], images: Sequence[Candidate]
) -> PicturesOf:
    """How pictures of places are read: that which matched, or else the first, as the live build's encoder has it."""
    matched = {one.product_id: position_of(one.row_id) for one in images}
    encoder = plan.build.encoder

    def pictures_of(places: Sequence[int]) -> Vectors:
        wanted = [product_ids[place] for place in places]
        with database.reading() as transaction:
            shown = transaction.products.shown(plan.build.catalog, wanted)
            hashes = [_content(shown.get(name), matched.get(name)) for name in wanted]
            stored = transaction.embeddings.get(encoder.fingerprint, sorted(set(filter(None, hashes))))
        pictures = np.zeros((len(wanted), encoder.dimension), dtype=np.float32)
        for row, name in enumerate(hashes):
            if name in stored:
                pictures[row] = stored[name]
        return pictures

    return pictures_of


def _content(product: ShownProduct | None, matched: int | None) -> str:
    """The content hash of the picture that matched, or of the first; empty without any."""
    usable = [] if product is None else [one for one in product.pictures if one.content_hash and not one.error_code]
    chosen = next((one for one in usable if one.position == matched), usable[0] if usable else None)
    return "" if chosen is None else chosen.content_hash or ""
