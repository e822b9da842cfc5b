"""Calls drawn from `/openapi.json`, as it allows them and not: none crashes, and every answer is described.

The encoder is the starter model: its tokenizer reads text that a fake one would not look at.
"""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import SearchStrategy
from schemathesis import GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.python.asgi import ASGIClient, get_client

from app.bootstrap import open_application
from app.config import Settings
from app.domain.filters import parse_filter
from app.domain.passing import passes
from migrations.upgrade import upgrade
from tests.factories import a_picture
from tests.filtering import SCHEMA, drawn_filter
from tests.integration.shops import Shop, inline

STARTER = Path(__file__).parents[2] / "scripts" / "starter_model"
EXAMPLES = 10  # of each call, and as many that break its description
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)


@schemathesis.serializer("application/x-ndjson")
def as_lines(_context: schemathesis.SerializationContext, value: Any) -> bytes:
    """Such a body is described as text; one that is not is a single line of it."""
    return (value if isinstance(value, str) else json.dumps(value)).encode(errors="surrogatepass")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Two catalogs, of which drawn calls know one, and no worker: what is accepted waits."""
    data = tmp_path_factory.mktemp("drawn")
    application = open_application(Settings(data=data, encoder=str(STARTER), threads=1))
    upgrade(application.database.engine)
    try:
        shop = Shop(application, None, data)
        for catalog in ("shop", "still"):
            shop.client.put(f"/v1/catalogs/{catalog}", json={"attributes": SCHEMA})
            shop.put(catalog, "p", attributes={"price": 1, "colour": "red"}, images=inline(a_picture()))
        shop.work()
        yield shop
    finally:
        application.close()


@pytest.fixture(scope="module")
def described(shop: Shop) -> schemathesis.BaseSchema:
    """The description; a parameter that names something often names what is there."""
    draw = random.Random(3)
    (build,) = shop.client.get("/v1/catalogs/shop/builds").json()["builds"]
    uploads = shop.client.get("/v1/uploads").json()["uploads"]
    filters = [json.dumps(drawn_filter(draw, 3)) for _ in range(40)]
    known = {
        "path.catalog": ["shop"],
        "path.product_id": ["p"],
        "path.build": [build["id"]],
        "path.upload_id": [one["upload_id"] for one in uploads],
        "query.filter": filters,
    }
    config = schemathesis.Config.from_dict(
        {
            "generation": {"deterministic": True, "max-examples": EXAMPLES},
            "checks": {"enabled": False, **{name: {"enabled": True} for name in CHECKS}},
            "dictionaries": {name.replace(".", "-"): {"values": values} for name, values in known.items()},
            "parameters": {name: {"dictionary": name.replace(".", "-"), "probability": 0.8} for name in known},
        }
    )
    return schemathesis.openapi.from_asgi("/openapi.json", shop.client.app, config=config)


@pytest.fixture(scope="module")
def session(shop: Shop) -> Iterator[ASGIClient]:
    with get_client(shop.client.app) as client:
        yield client


def test_no_call_crashes_and_every_answer_is_described(
    described: schemathesis.BaseSchema, session: ASGIClient
) -> None:
    """Not by the pytest plugin of schemathesis 4.32, which knows no subtests of pytest 9.2."""
    failed: list[str] = []
    seen: set[tuple[str, int]] = set()
    for found in described.get_all_operations():
        operation = found.ok()
        for mode in GenerationMode:
            try:
                drawn_calls(operation.as_strategy(generation_mode=mode), session, seen)
            except Unsatisfiable:
                assert mode is GenerationMode.NEGATIVE  # a call that takes nothing cannot be made wrongly
            except FailureGroup as group:
                failed.append(f"{operation.label} ({mode.value}): {group}")
    assert not failed, "\n\n".join(failed)
    search = "/v1/catalogs/{catalog}/search"  # calls reach beyond the checks of their bodies
    assert seen >= {(f"{method} {search}", status) for method in ("GET", "POST") for status in (200, 422)}


def drawn_calls(cases: SearchStrategy[schemathesis.Case], session: ASGIClient, seen: set[tuple[str, int]]) -> None:
    @settings(derandomize=True, deadline=None, max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
    @given(case=cases)
    def call(case: schemathesis.Case) -> None:
        answer = case.call(session=session)
        seen.add((case.operation.label, answer.status_code))
        case.validate_response(answer)

    call()


def test_a_drawn_filter_is_answered_by_every_way_in(shop: Shop) -> None:
    draw = random.Random(4)
    held = shop.client.get("/v1/catalogs/still/products/p").json()["attributes"]
    for _ in range(100):
        asked = drawn_filter(draw, draw.randint(0, 5))
        expected = ["p"] if passes(parse_filter(asked, SCHEMA), held) else []
        assert shop.search("still", filter=asked) == expected, asked
        assert shop.search("still", filter=asked, text="a red mug") == expected, asked
