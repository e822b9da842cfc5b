"""A build as a person names it: by its id, or by the beginning of it."""

from typing import Annotated
from urllib.parse import quote

import typer

from app.cli.connection import Service, catalog_path
from app.domain.errors import Invalid

SHOWN = 8
"""Characters of an id that a list shows: of a few builds no two begin alike."""

_WHOLE = 32

BuildId = Annotated[
    str, typer.Argument(metavar="BUILD", help="The build: the beginning of its id, as `vitrine builds list` shows.")
]


def build_path(service: Service, catalog: str, build: str) -> str:
    """Where the API has the build of a catalog whose id this is or begins with.

    Raises `Invalid` (`usage`) where several begin so; of one that there is not, the service says so.
    """
    builds = f"{catalog_path(catalog)}/builds"
    if build and len(build) < _WHOLE:
        begin_so = [one["id"] for one in service.get(builds)["builds"] if one["id"].startswith(build)]
        if len(begin_so) > 1:
            raise Invalid(f"{len(begin_so)} builds begin with {build}: say more of the id", code="usage")
        build = next(iter(begin_so), build)
    return f"{builds}/{quote(build, safe='')}"
