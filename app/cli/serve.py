"""`vitrine serve`."""

from typing import Annotated

import typer

from app.cli.options import Data, EncoderName, Json
from app.cli.screen import Screen
from app.cli.settings import read_settings


def serve(
    data: Data = None,
    encoder: EncoderName = None,
    host: Annotated[
        str | None, typer.Option(help="The address to listen on: VITRINE_HOST, or 127.0.0.1, if not given.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="The port to listen on: VITRINE_PORT, or 8000, if not given.")
    ] = None,
    allow_unauthenticated: Annotated[
        bool | None,
        typer.Option("--allow-unauthenticated", help="Listen beyond loopback: behind a proxy that asks for a key."),
    ] = None,
    catalog: Annotated[
        str, typer.Option("--catalog", metavar="NAME", help="The catalog whose page is named at the start.")
    ] = "default",
    json: Json = False,
) -> None:
    """Run the service: the API, the page and, without a broker of its own, the workers, until Ctrl-C."""
    # Databases, stores and the API take a second to import, which no other command should pay for.
    from app.cli.running_service import run  # noqa: PLC0415

    settings = read_settings(
        data=data, encoder=encoder, host=host, port=port, allow_unauthenticated=allow_unauthenticated
    )
    run(Screen(json=json), settings, catalog=catalog)
