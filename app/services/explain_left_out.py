"""Explaining that a product is in a ranking, and is not shown for another that is."""

from collections.abc import Sequence
from dataclasses import replace

from app.domain.diversity import Behind, Why, choose
from app.domain.explanations import Cause, ProductExplanation
from app.domain.grouping import Grouping
from app.domain.search import SearchQuery
from app.services.catalog_groups import keys_of
from app.services.diversify import behind
from app.services.search_legs import Found, Plan


def left_out(told: ProductExplanation, by: Behind, query: SearchQuery) -> ProductExplanation:
    """One that stands behind another."""
    if by.why is Why.DUPLICATE or query.group is None:
        detail = f"its picture is nearly that of {by.product_id}, which is shown before it"
        return replace(told, cause=Cause.DUPLICATE, detail=detail, behind=by.product_id)
    return _grouped(told, by, query.group)


def browsed_in_groups(told: ProductExplanation, plan: Plan, grouping: Grouping) -> ProductExplanation:
    """One that passes the filter of a query that browses in groups, with its rank there."""
    ids = plan.passing.page("", plan.passing.count)
    choice = choose(keys_of(plan.passing, grouping.by, ids), grouping.limit)
    by = behind(choice, ids).get(told.product_id)
    if by is not None:
        return _grouped(replace(told, rank=None), by, grouping)
    shown = [ids[place] for place in choice.shown]
    return replace(told, rank=shown.index(told.product_id) + 1) if told.product_id in shown else told


def shown_ids(found: Found) -> Sequence[str]:
    """The ranking as pages show it, and after it what they do not reach and what scores too little."""
    if found.diversity is None:
        return [one.product_id for one in found.ranked]
    shown = (one.product_id for one in found.diversity.shown)
    after = (one.product_id for one in found.ranked if one.product_id not in found.diversity.left_out)
    return list(dict.fromkeys((*shown, *after)))


def _grouped(told: ProductExplanation, by: Behind, grouping: Grouping) -> ProductExplanation:
    shown = "it is" if grouping.limit == 1 else f"{grouping.limit} of them are"
    detail = f"it has the same {grouping.by} as {by.product_id}, and {shown} shown before it"
    return replace(told, cause=Cause.GROUPED, detail=detail, behind=by.product_id)
