"""The answers of searches as JSON documents."""

from collections.abc import Mapping

from fastapi.responses import Response

from app.api.documents import as_json, picture_document, picture_url
from app.api.explanation_documents import explanation_document
from app.api.schemas.found import BucketDocument, HitDocument, OwnDocument, RangeDocument, ResultDocument
from app.domain.answers import Hit, SearchResult
from app.domain.facets import Bucket, Facet, ValueFacet
from app.services.cached_search import Answer


def search_answer(found: Answer) -> Response:
    """The answer to a query: what may be kept of it as it was written down, and what is of this request alone."""
    own = as_json(OwnDocument(timings_ms=found.timings_ms, cached=found.cached))
    return Response(found.content[:-1] + b"," + own[1:], media_type="application/json")


def result_document(catalog: str, result: SearchResult) -> ResultDocument:
    """What a query found."""
    document: ResultDocument = {
        "hits": [_hit_document(catalog, hit) for hit in result.hits],
        "total": {"value": result.total.value, "exact": result.total.exact, "scope": result.total.scope},
        "build": {"id": result.build_id, "encoder": result.encoder},
        "degraded": list(result.degraded),
    }
    if result.cursor is not None:
        document["cursor"] = result.cursor
    if result.facets:
        document["facets"] = {name: _facet_document(one) for name, one in result.facets.items()}
    return document


def _facet_document(facet: Facet) -> Mapping[str, int] | RangeDocument:
    if isinstance(facet, ValueFacet):
        return facet.counts
    return {"min": facet.min, "max": facet.max, "buckets": [_bucket_document(one) for one in facet.buckets]}


def _bucket_document(bucket: Bucket) -> BucketDocument:
    if bucket.lt is None:
        return {"gte": bucket.gte, "count": bucket.count}
    return {"gte": bucket.gte, "lt": bucket.lt, "count": bucket.count}


def _hit_document(catalog: str, hit: Hit) -> HitDocument:
    document: HitDocument = {
        "product_id": hit.product.product_id,
        "score": hit.score,
        "title": hit.product.title,
        "attributes": hit.product.attributes,
        "images": [picture_document(catalog, one) for one in hit.product.pictures],
    }
    if hit.matched is not None:
        document["matched_image"] = {"position": hit.matched.position, "url": picture_url(catalog, hit.matched)}
    if hit.explanation is not None:
        document["explain"] = explanation_document(hit.explanation)
    if hit.group is not None:
        document["group"] = {"value": hit.group.value, "size": hit.group.size}
    if hit.duplicates:
        document["duplicates"] = hit.duplicates
    return document
