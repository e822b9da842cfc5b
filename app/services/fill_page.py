"""Asking the legs deeper where so much of what they found is left out that not even the first page is full."""

import math
from collections.abc import Callable

from app.domain.errors import Unavailable
from app.domain.search import SearchQuery
from app.services.catalog_groups import hits_of
from app.services.deeper_search import DEEPER, MAX_ROWS
from app.services.search_legs import Found, Plan, depth_of


def fill_page(find: Callable[[int], Found], plan: Plan, query: SearchQuery) -> Found:
    """What is found at the depth at which there are hits for a page and one more, or nothing more to find.

    `find` asks the legs for so many products. Where that fails, or a leg drops out, what was found before is enough.
    """
    if query.group is None:
        most, depth = plan.passing.count, depth_of(query)
    else:
        most = hits_of(plan.passing, query.group)
        of_one_hit = math.ceil(plan.passing.count / max(most, 1))
        depth = min(depth_of(query) * min(of_one_hit, DEEPER), MAX_ROWS)
    found = find(depth)
    wanted = min(query.limit + 1, most)
    while found.diversity is not None and len(found.diversity.shown) < wanted and _may_find_more(found, plan, query):
        try:
            deeper = find(min(found.depth * DEEPER, MAX_ROWS))
        except Unavailable:
            break
        if set(deeper.degraded) - set(found.degraded):
            break
        found = deeper
    return found


def _may_find_more(found: Found, plan: Plan, query: SearchQuery) -> bool:
    """Not where all legs are at their ends, all is found that passes, or what comes next scores too little."""
    if found.depth >= MAX_ROWS or _candidates(found) >= plan.passing.count:
        return False
    if len(found.at_least(query.min_score)) < len(found.ranked):
        return False
    return any(len(candidates) >= found.depth for candidates in found.legs.values())


def _candidates(found: Found) -> int:
    return 0 if found.diversity is None else len(found.diversity.shown) + len(found.diversity.left_out)
