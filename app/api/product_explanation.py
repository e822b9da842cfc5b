"""Why a search shows a product or not, as a JSON document."""

from app.api.documents import picture_document, receipt_document
from app.api.explanation_documents import condition_documents, leg_documents
from app.api.schemas.explanations import ProductExplanationDocument
from app.domain.explanations import ProductExplanation


def product_explanation_document(catalog: str, explained: ProductExplanation) -> ProductExplanationDocument:
    """The answer to why; what there is nothing to say of is left out."""
    told: ProductExplanationDocument = {
        "product_id": explained.product_id,
        "reason": explained.cause,
        "detail": explained.detail,
        "legs": leg_documents(explained.legs),
        "conditions": condition_documents(explained.conditions),
        "degraded": list(explained.degraded),
    }
    if explained.rank is not None:
        told["rank"] = explained.rank
    if explained.score is not None:
        told["score"] = explained.score
    if explained.behind is not None:
        told["behind"] = explained.behind
    if explained.depth:
        told["depth"] = explained.depth
    if explained.upload is not None:
        told["upload"] = receipt_document(explained.upload)
    if explained.missing:
        told["images"] = [picture_document(catalog, one) for one in explained.missing]
    return told
