"""Vectors of texts and pictures, and the cosine of pairs."""

from fastapi import APIRouter
from fastapi.responses import Response

from app.api.dependencies import CHECKED, App
from app.api.documents import answer
from app.api.openapi import problems
from app.api.schemas.documents import EmbedDocument, SimilarityDocument
from app.api.schemas.embed import EmbedIn, SimilarityIn

router = APIRouter(prefix="/v1", responses=problems(404, 415), dependencies=CHECKED)


@router.post("/embed", response_model=EmbedDocument)
def post_embed(application: App, body: EmbedIn) -> Response:
    """The vectors of texts and pictures, by the encoder of a catalog's live build or of the service."""
    spec, vectors = application.embedder.embed(body.contents(), body.catalog_name())
    rows = vectors.tolist()
    texts, images = rows[: len(body.texts)], rows[len(body.texts) :]
    return answer(EmbedDocument(encoder=spec.shown_name, dimension=spec.dimension, texts=texts, images=images))


@router.post("/similarity", response_model=SimilarityDocument)
def post_similarity(application: App, body: SimilarityIn) -> Response:
    """The cosine of pairs of texts and pictures."""
    spec, cosines = application.embedder.similarity(body.contents(), body.catalog_name())
    return answer(SimilarityDocument(encoder=spec.shown_name, scores=cosines.tolist()))
