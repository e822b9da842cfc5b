"""Catalogs, their builds and their pictures."""

from typing import cast

from fastapi import APIRouter
from fastapi.responses import Response

from app.api.dependencies import CHECKED, App, CatalogName
from app.api.documents import answer, catalog_document, description_document
from app.api.openapi import PICTURES, problems
from app.api.schemas.documents import CatalogDocument, CatalogList
from app.api.schemas.products import CatalogIn
from app.api.schemas.reconciling import ReconciledDocument, ReconcileIn
from app.domain.drift import Reconciled
from app.domain.products import Catalog, check_id
from app.services.describe_catalog import describe_catalog, list_catalogs
from app.services.show_product import show_picture

router = APIRouter(prefix="/v1/catalogs", dependencies=CHECKED)

PICTURE_HEADERS = {
    "Cache-Control": "public, max-age=31536000, immutable",  # the name is the hash of the content
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'",
}


@router.get("", response_model=CatalogList)
def get_catalogs(application: App) -> Response:
    """Every catalog."""
    found = list_catalogs(application.database)
    return answer(CatalogList(catalogs=[catalog_document(catalog, products) for catalog, products in found]))


@router.put("/{catalog}", response_model=CatalogDocument, responses=problems(409))
def put_catalog(application: App, catalog: CatalogName, body: CatalogIn) -> Response:
    """Declare a catalog, or add attributes to its declaration."""
    declared = Catalog(catalog, body.attribute_types(), tuple(body.caption or ()))
    application.open_catalog(declared, keep_caption=body.caption is None)
    return get_catalog(application, catalog)


@router.get("/{catalog}", response_model=CatalogDocument, responses=problems(404))
def get_catalog(application: App, catalog: CatalogName) -> Response:
    """A catalog, what became of its uploads, and the build that answers."""
    return answer(description_document(describe_catalog(application.database, catalog)))


@router.post("/{catalog}:reconcile", response_model=ReconciledDocument, responses=problems(404))
def reconcile_catalog(application: App, catalog: CatalogName, body: ReconcileIn | None = None) -> Response:
    """Compare every build with the database row by row, and repair what differs unless it is a dry run."""
    stated = body or ReconcileIn()
    found = application.builder.reconciler.reconcile(catalog, dry_run=stated.dry_run)
    builds = [{"id": build, **one.told} for build, one in found.items()]
    together = sum(found.values(), start=Reconciled())
    return answer(cast(ReconciledDocument, {**together.told, "builds": builds}))


@router.get(
    "/{catalog}/pictures/{name}", response_class=Response, responses={200: {"content": PICTURES}, **problems(404)}
)
def get_picture(application: App, catalog: CatalogName, name: str) -> Response:
    """A picture of a product of this catalog, under the hash of its content."""
    blob = show_picture(application.database, application.blobs, catalog, check_id(name, "picture"))
    return Response(blob.content, media_type=blob.media_type, headers=PICTURE_HEADERS)
