"""Options that bound how much of the same an answer shows, and the members of a request that they become."""

from typing import Annotated, Any

import typer

from app.domain.errors import Invalid

GroupBy = Annotated[
    str | None,
    typer.Option("--group-by", metavar="ATTRIBUTE", help="Show few products of each value.", show_default=False),
]

GroupLimit = Annotated[
    int | None,
    typer.Option("--group-limit", min=1, max=100, help="How many of each value: 1 unless said.", show_default=False),
]

CollapseDuplicates = Annotated[
    bool, typer.Option("--collapse-duplicates", help="Show products with nearly the same picture once.")
]


def diversity_of(group_by: str | None, group_limit: int | None, *, collapse_duplicates: bool) -> dict[str, Any]:
    """What these options add to the request. Raises `Invalid` for a limit of no group."""
    stated: dict[str, Any] = {}
    if group_by is not None:
        stated["group"] = {"by": group_by} | ({} if group_limit is None else {"limit": group_limit})
    elif group_limit is not None:
        raise Invalid("--group-limit goes with --group-by", code="bad_group")
    if collapse_duplicates:
        stated["collapse_duplicates"] = True
    return stated
