"""Catalogs, their builds and their pictures."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from app.api.dependencies import App, CatalogName, declared
from app.api.documents import answer, build_document, catalog_document
from app.api.schemas.products import CatalogIn
from app.bootstrap import Application
from app.domain.errors import Invalid, NotFound
from app.domain.products import AttributeType, Catalog, Schema, check_id

router = APIRouter(prefix="/v1/catalogs")

PICTURE_HEADERS = {
    "Cache-Control": "public, max-age=31536000, immutable",  # the name is the hash of the content
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'",
}


@router.get("")
def list_catalogs(application: App) -> Response:
    """Every catalog."""
    with application.database.reading() as transaction:
        found = transaction.catalogs.all()
    return answer({"catalogs": [catalog_document(catalog, products) for catalog, products in found]})


@router.put("/{catalog}")
def put_catalog(application: App, catalog: CatalogName, body: CatalogIn) -> Response:
    """Declare a catalog, or add attributes to its declaration."""
    attributes = {name: _attribute_type(name, stated) for name, stated in body.attributes.items()}
    caption = _caption(application, catalog, attributes) if body.caption is None else tuple(body.caption)
    application.open_catalog(Catalog(catalog, attributes, caption))
    return answer(_described(application, catalog))


@router.get("/{catalog}")
def get_catalog(application: App, catalog: CatalogName) -> Response:
    """A catalog, what became of its uploads, and the build that answers."""
    return answer(_described(application, catalog))


@router.get("/{catalog}/builds")
def list_builds(application: App, catalog: CatalogName) -> Response:
    """The builds of a catalog, newest first."""
    declared(application, catalog)
    with application.database.reading() as transaction:
        products, _ = transaction.products.browse(catalog, None, limit=0)
        builds = transaction.builds.all(catalog)
        held = {build.id: transaction.builds.count(build.id) for build in builds}
    return answer({"builds": [build_document(one, products=products, indexed=held[one.id]) for one in builds]})


@router.get("/{catalog}/pictures/{name}")
def get_picture(application: App, catalog: CatalogName, name: str) -> Response:
    """A picture of a product of this catalog."""
    with application.database.reading() as transaction:
        shown = transaction.pictures.shown(catalog, check_id(name, "picture"))
    if not shown:
        raise NotFound("there is no such picture in this catalog", code="picture_not_found")
    blob = application.blobs.get(name)
    return Response(blob.content, media_type=blob.media_type, headers=PICTURE_HEADERS)


def _caption(application: Application, name: str, attributes: Schema) -> tuple[str, ...]:
    """What a declaration without a caption keeps of the one before."""
    with application.database.reading() as transaction:
        before = transaction.catalogs.get(name)
    # One that lacks an attribute of the caption takes away what is declared, and is refused for that.
    return tuple(one for one in before.caption if one in attributes) if before else ()


def _attribute_type(name: str, stated: str) -> AttributeType:
    try:
        return AttributeType(stated)
    except ValueError:
        known = ", ".join(one.value for one in AttributeType)
        raise Invalid(
            f"attribute {name[:64]} is declared as {stated[:20]}, which is none of {known}",
            code="unknown_type",
            field=f"attributes.{name[:64]}",
        ) from None


def _described(application: Application, name: str) -> dict[str, Any]:
    catalog = declared(application, name)
    with application.database.reading() as transaction:
        products, _ = transaction.products.browse(name, None, limit=0)
        counts = transaction.uploads.counts(name)
        live = transaction.builds.live(name)
        indexed = transaction.builds.count(live.id) if live else 0
    document = catalog_document(catalog, products)
    document["uploads"] = {state.value: count for state, count in counts.items()}
    if live is not None:
        document["build"] = build_document(live, products=products, indexed=indexed)
    return document
