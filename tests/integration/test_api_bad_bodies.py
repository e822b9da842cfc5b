"""Bad bodies: not JSON, not what they say they are, without their parts, beyond the budget."""

import asyncio
import json

import pytest
from starlette.types import Message

from tests.factories import a_picture
from tests.integration.refusals import BATCH, FORM, PRODUCT, SEARCH, refused, told
from tests.integration.shops import Shop

JSON_ROUTES = (
    ("PUT", "/v1/catalogs/new"),
    ("PUT", PRODUCT),
    ("PATCH", "/v1/catalogs/shop/products/p"),
    ("POST", SEARCH),
)
NOT_JSON = (
    b"{",
    b"\xff\xfe",
    b"{'a': 1}",
    b'{"a": "\xff"}',
    b"[" * 10_000,
    b'{"a":' * 10_000,
    b"\0",
    b'{"a": 1' + b"0" * 9_000 + b"}",
)


@pytest.mark.parametrize("body", NOT_JSON)
def test_what_is_not_json_cannot_be_read(untouched: Shop, body: bytes) -> None:
    said = {"Content-Type": "application/json"}
    for method, path in JSON_ROUTES:
        answer = untouched.client.request(method, path, content=body, headers=said)
        assert answer.json()["code"] in ("bad_json", "malformed")
        refused(answer, 400, answer.json()["code"])
    refused(untouched.client.post(FORM, files={"product": ("a.json", body)}), 400, "bad_json")
    files = {"image": ("", a_picture()), "query": ("a.json", body)}
    refused(untouched.client.post(f"{SEARCH}:image", files=files), 400, "bad_json")
    if b"\n" not in body:
        (line,) = told(untouched.client.post(BATCH, content=body))
        assert (line["status"], line["code"]) == (400, "bad_json")


@pytest.mark.parametrize("said", ["text/plain", "application/x-www-form-urlencoded", "image/png", "nonsense"])
def test_json_that_is_not_said_to_be_json_is_not_guessed_at(untouched: Shop, said: str) -> None:
    for method, path in JSON_ROUTES:
        answer = untouched.client.request(method, path, content=b'{"title": "t"}', headers={"Content-Type": said})
        refused(answer, 400, "bad_content_type")


@pytest.mark.parametrize("body", ["[]", '"text"', "1", "null", "true"])
def test_json_that_is_no_object_breaks_a_rule(untouched: Shop, body: str) -> None:
    for method, path in JSON_ROUTES:
        answer = untouched.client.request(method, path, content=body, headers={"Content-Type": "application/json"})
        refused(answer, 422, "invalid")


def test_forms_and_batches_without_their_parts_say_which_is_missing(untouched: Shop) -> None:
    client = untouched.client
    for path, part in ((FORM, "product"), (f"{SEARCH}:image", "image")):
        refused(client.post(path), 400, "missing_part", part)
        refused(client.post(path, json={"title": "t"}), 400, "missing_part", part)
        refused(client.post(path, files={"other": ("", b"x")}), 400, "missing_part", part)
        said = {"Content-Type": "multipart/form-data"}
        refused(client.post(path, content=b"x", headers=said), 400, "malformed")
        said = {"Content-Type": "multipart/form-data; boundary=x"}
        refused(client.post(path, content=b"nothing of the kind", headers=said), 400, "malformed")
    refused(client.post(BATCH, content=b""), 400, "empty_batch")
    refused(client.post(BATCH, content=b"\n \n"), 400, "empty_batch")
    refused(client.post(BATCH, content=b"{}\n" * 1_001), 413, "too_many_lines")
    named = {"product_id": "q", "title": "t", "images": [{"upload": "none"}]}
    refused(client.post(FORM, files={"product": ("", json.dumps(named))}), 422, "missing_part", "images[0]")


def test_a_part_that_nothing_asks_for_is_refused_and_not_dropped(untouched: Shop) -> None:
    client = untouched.client
    named = json.dumps({"product_id": "q", "title": "t"})
    refused(client.post(FORM, files={"product": ("", named), "front": ("f.png", b"x")}), 422, "unknown_part", "front")
    files = {"image": ("p.png", b"x"), "limit": ("", b"1")}
    refused(client.post(f"{SEARCH}:image", files=files), 400, "unknown_part", "limit")


@pytest.mark.parametrize(
    ("method", "path", "budget"),
    [
        ("PUT", PRODUCT, 64 * 1024 * 1024),
        ("PUT", f"{PRODUCT}:explain", 64 * 1024 * 1024),  # a product of such a name
        ("POST", SEARCH, 14_100_000),
        ("POST", f"{SEARCH}:image", 14_100_000),
        ("POST", f"{PRODUCT}:explain", 14_100_000),
    ],
)
@pytest.mark.parametrize("stated", [b"10000000000", b"0" * 20 + b"100000000", b"", None])
def test_a_body_beyond_the_budget_is_refused_without_reading_it_to_its_end(
    untouched: Shop, method: str, path: str, budget: int, stated: bytes | None
) -> None:
    read = 0

    async def receive() -> Message:
        nonlocal read
        body = begun if read == 0 else b" " * 1_000_000
        read += len(body)
        return {"type": "http.request", "body": body, "more_body": True}

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    form = path.endswith(":image")
    begun = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n' if form else b"{"
    headers = [(b"content-type", b"multipart/form-data; boundary=x" if form else b"application/json")]
    headers += [] if stated is None else [(b"content-length", stated)]
    scope = {"type": "http", "method": method, "path": path, "headers": headers, "query_string": b""}
    asyncio.run(untouched.client.app(scope, receive, send))
    assert sent[0]["status"] == 413
    assert dict(sent[0]["headers"])[b"content-type"] == b"application/problem+json"
    assert json.loads(sent[1]["body"])["code"] == "too_large"
    assert read == 0 if stated else budget - 2_000_000 <= read <= budget + 2_000_000


@pytest.mark.parametrize("path", [SEARCH, f"{SEARCH}:image", BATCH])
def test_a_client_that_goes_away_while_it_sends_is_no_crash(untouched: Shop, path: str) -> None:
    begun = True

    async def receive() -> Message:
        nonlocal begun
        begun, first = False, begun
        return {"type": "http.request", "body": b"{", "more_body": True} if first else {"type": "http.disconnect"}

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    kind = b"multipart/form-data; boundary=x" if path.endswith(":image") else b"application/json"
    headers = [(b"content-type", kind), (b"content-length", b"100")]
    scope = {"type": "http", "method": "POST", "path": path, "headers": headers, "query_string": b""}
    asyncio.run(untouched.client.app(scope, receive, send))
    assert sent[0]["status"] == 400
    assert json.loads(sent[1]["body"])["code"] == "malformed"
