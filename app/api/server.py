"""The HTTP server that the API runs in."""

from typing import Any

import uvicorn
from fastapi import FastAPI


def http_server(api: FastAPI, **where: Any) -> uvicorn.Server:
    """A server that is not started yet; `where` are settings of uvicorn, such as `uds` or `port`.

    Requests are logged by the API itself. Nothing here looks at a client's address or at what a proxy says of it,
    which every request would pay for.
    """
    config = uvicorn.Config(
        api, log_config=None, access_log=False, lifespan="off", proxy_headers=False, server_header=False, **where
    )
    return uvicorn.Server(config)
