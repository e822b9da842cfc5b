"""`vitrine serve`."""

from typing import Annotated

import typer

from app.cli.options import CatalogName, Data, EncoderName, Json
from app.cli.screen import Screen
from app.cli.settings import read_settings


def serve(
    data: Data = None,
    encoder: EncoderName = None,
    host: Annotated[str | None, typer.Option(help="The address to listen on. [default: 127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(help="The port to listen on. [default: 8000]")] = None,
    allow_unauthenticated: Annotated[
        bool | None,
        typer.Option("--allow-unauthenticated", help="Listen beyond loopback: behind a proxy that asks for a key."),
    ] = None,
    catalog: CatalogName = "default",
    json: Json = False,
) -> None:
    """Run the service: the API, the page and, without a broker of its own, the workers, until Ctrl-C."""
    # Databases, stores and the API take a second to import, which no other command should pay for.
    from app.cli.running_service import run  # noqa: PLC0415

    settings = read_settings(
        data=data, encoder=encoder, host=host, port=port, allow_unauthenticated=allow_unauthenticated
    )
    run(Screen(json=json), settings, catalog=catalog)
