"""Why a query shows one product where it does, or does not show it."""

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from app.domain.errors import Unavailable
from app.domain.explanations import Cause, ProductExplanation
from app.domain.search import Leg, SearchQuery
from app.domain.uploads import Upload, UploadState
from app.services.exact_ranks import ExactRank, exact_ranks
from app.services.explain_hits import exact_scores, places
from app.services.explain_left_out import browsed_in_groups, left_out, shown_ids
from app.services.explained_subject import Subject, subject_of
from app.services.next_page import still_there
from app.services.search import Searcher
from app.services.search_legs import Found, Plan
from app.services.stopwatch import Stopwatch

LOOK_S = 30.0
"""As long as vectors are looked through: 100,000 products take some seconds, and somebody waits for the answer."""

TURN_S = 1.0
"""As long as a caller waits for its turn: each that waits holds one of the threads that answer everybody."""


@dataclass(frozen=True, slots=True)
class Explainer:
    """Everything that explaining needs. The `turn` lets one caller at a time look through all vectors."""

    searcher: Searcher
    most_s: float = LOOK_S
    turn: threading.Lock = field(default_factory=threading.Lock)

    def explain(self, catalog: str, product_id: str, query: SearchQuery) -> ProductExplanation:
        """Say why. What decides first is told: deleted, asked with, filtered out, where it stands, and why nowhere.

        Raises what searching raises, `NotFound` (`unknown_product`), and `Unavailable` (`explain_busy` and
        `explain_late`).
        """
        plan = self.searcher.plan(catalog, query)
        with self.searcher.database.reading() as transaction:
            subject = subject_of(transaction, catalog, product_id, query)
            if subject.deleted:
                return subject.told(Cause.DELETED, "it was deleted")
            if query.like == product_id:
                return subject.told(Cause.OWN_PRODUCT, "the query asks with it: no product is an answer to itself")
            if not subject.passes:
                return subject.told(Cause.FILTERED_OUT, "; ".join(one.detail for one in subject.conditions))
            if query.browses:
                rank = transaction.products.count(catalog, plan.where, up_to=product_id)
                told = subject.told(Cause.FOUND, "", rank=rank)
                return _placed(told if query.group is None else browsed_in_groups(told, plan, query.group), query)
        return self._searched(plan, query, subject)

    def _searched(self, plan: Plan, query: SearchQuery, subject: Subject) -> ProductExplanation:
        """Where it stands among all that the legs brought, as an answer without a limit would show it."""
        product_id, database = subject.product_id, self.searcher.database
        found = self.searcher.find(plan, query, Stopwatch())
        with database.reading() as transaction:
            exact = exact_scores(transaction, plan.build, found, [product_id])
        legs = places(query, found, exact, [product_id])[product_id]
        told = subject.told(Cause.FOUND, "", legs=legs, depth=found.depth, degraded=found.degraded)
        scores = dict(found.ranked)
        if found.diversity is not None and product_id in found.diversity.left_out:
            return left_out(replace(told, score=scores[product_id]), found.diversity.left_out[product_id], query)
        shown = still_there(database, plan.build.catalog, shown_ids(found), plan.where)
        for rank, product in enumerate(shown, start=1):
            if product.product_id == product_id:
                return _placed(replace(told, rank=rank, score=scores[product_id]), query)
        if subject.upload is not None:
            return _not_indexed(told, subject.upload)
        own = {leg: scores[product_id] for leg, scores in exact.items() if product_id in scores}
        able = own.keys() | ({Leg.KEYWORD} if subject.has_words else set())
        if lacking := [leg for leg in found.degraded if leg in able]:
            return _leg_left_out(told, lacking)
        return self._not_brought(plan, found, told, own, by_words=Leg.KEYWORD in able & found.legs.keys())

    def _not_brought(
        self, plan: Plan, found: Found, told: ProductExplanation, own: Mapping[Leg, float], *, by_words: bool
    ) -> ProductExplanation:
        """One that no leg brought, though all answered that search what it has."""
        if own:
            with self._looking() as go_on:
                ranks = exact_ranks(self.searcher.database, plan, found, told.product_id, own, go_on)
            told = _by_vectors(told, ranks)
        if by_words and told.cause is not Cause.MISSED_BY_THE_INDEX:
            told = _by_words(told, len(found.legs[Leg.KEYWORD]))
        return told if own or by_words else _no_match(told, found.legs)

    @contextmanager
    def _looking(self) -> Iterator[Callable[[], None]]:
        """A turn at looking through the vectors: what it yields is called between pages, and lets searches go first.

        Raises `Unavailable`: `explain_busy` where somebody else looks, `explain_late` where it takes too long.
        """
        if not self.turn.acquire(timeout=TURN_S):
            raise Unavailable("another product is being explained: ask again", code="explain_busy")
        try:
            until = time.monotonic() + self.most_s
            rest = self.searcher.first.rests()

            def go_on() -> None:
                if time.monotonic() > until:
                    raise _late(self.most_s)
                rest()

            yield go_on
        finally:
            self.turn.release()


def _late(seconds: float) -> Unavailable:
    return Unavailable(
        f"no leg brought the product, and to count what is nearer takes more than {seconds:g} seconds",
        code="explain_late",
    )


def _placed(told: ProductExplanation, query: SearchQuery) -> ProductExplanation:
    """One that has a rank: whether the answer shows it."""
    if told.behind is not None:
        return told
    if query.min_score is not None and told.score is not None and told.score < query.min_score:
        detail = f"its score is {told.score:.4f}, and min_score is {query.min_score:g}"
        return replace(told, cause=Cause.CUT_OFF_BY_MIN_SCORE, detail=detail)
    if told.rank is not None and told.rank > query.limit:
        detail = f"it is number {told.rank}, and the limit is {query.limit}"
        return replace(told, cause=Cause.CUT_OFF_BY_LIMIT, detail=detail)
    return replace(told, detail=f"it is number {told.rank}")


def _no_match(told: ProductExplanation, asked: Collection[Leg]) -> ProductExplanation:
    detail = f"it has nothing that is asked for in the {_named(asked)} leg of this query"
    if not asked:
        detail = "no leg that has a weight can be asked with what the query has"
    elif told.missing:
        detail += f": {len(told.missing)} of its pictures cannot be used ({told.missing[0].error_code})"
    return replace(told, cause=Cause.NO_MATCH, detail=detail)


def _not_indexed(told: ProductExplanation, upload: Upload) -> ProductExplanation:
    if upload.state is UploadState.DEAD:
        detail = f"its newest version is dead ({upload.error_code}): {upload.error_detail}"
    else:
        since = f"{upload.stages[upload.state]:%Y-%m-%d %H:%M:%S %Z}"
        detail = f"its newest version is not indexed yet: {upload.state} since {since}"
        if upload.error_code is not None:
            detail += f"; the last attempt failed ({upload.error_code}): {upload.error_detail}"
    return replace(told, cause=Cause.NOT_INDEXED, detail=detail)


def _leg_left_out(told: ProductExplanation, legs: Sequence[str]) -> ProductExplanation:
    detail = f"no leg that answered brought it, and the {_named(legs)} leg, which may have, is left out"
    return replace(told, cause=Cause.LEG_LEFT_OUT, detail=detail)


def _by_words(told: ProductExplanation, brought: int) -> ProductExplanation:
    """One that has words of the query, by how many products the keyword leg brought."""
    among = f"the keyword leg brought {brought} of the {told.depth} that it was asked for"
    stands = f"it has words that are asked for, and {among}"
    if brought < told.depth:
        return replace(told, cause=Cause.MISSED_BY_THE_INDEX, detail=f"{stands}: the index did not bring it")
    if told.cause is Cause.BEYOND_CANDIDATES:  # by its vectors too, with its rank
        return told
    return replace(told, cause=Cause.BEYOND_CANDIDATES, detail=stands)


def _by_vectors(told: ProductExplanation, ranks: Mapping[Leg, ExactRank]) -> ProductExplanation:
    """One that has vectors, by the ranks that they should have."""
    legs = {leg: replace(told.legs[leg], exact_rank=one.rank) for leg, one in ranks.items()}
    leg = min(ranks, key=lambda one: ranks[one].last)
    best = ranks[leg]
    stands = f"by its stored vectors it is number {best.rank} of the {leg} leg, which was asked for {told.depth}"
    if best.last <= told.depth:
        cause = Cause.MISSED_BY_THE_INDEX
        detail = f"{stands}: the index did not bring it"
    else:
        cause = Cause.BEYOND_CANDIDATES
        detail = stands + (f"; {best.equal} others score the same" if best.equal else "")
    return replace(told, cause=cause, detail=detail, legs=legs)


def _named(legs: Collection[str]) -> str:
    return " or ".join(sorted(legs))
