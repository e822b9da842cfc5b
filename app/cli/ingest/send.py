"""Sending batches: again where the service is busy, and without a picture where that is what it refuses."""

import re
import time
from collections.abc import Callable
from typing import Any

import orjson

from app.cli.connection import Service, catalog_path
from app.cli.ingest.batches import Batch, Line
from app.cli.ingest.tally import Tally
from app.cli.screen import Screen
from app.domain.errors import Refused, TooLarge, Unavailable

_PATIENCE_S = 120  # a service that is restarted, or a database that fails over, is back by then
_FIRST_DELAY_S = 0.5
_LONGEST_DELAY_S = 10.0

_IMAGE = re.compile(r"images\[(\d+)\]")


class Sender:
    """Sends products to one catalog and notes every answer. Sending the same again changes nothing."""

    def __init__(self, screen: Screen, service: Service, catalog: str, tally: Tally) -> None:
        self._screen = screen
        self._service = service
        self._path = f"{catalog_path(catalog)}/products:batch"
        self._tally = tally
        self._places: dict[str, list[str]] = {}

    def send(self, batch: Batch) -> None:
        """Send a batch, and again those of its products of which a picture was refused, without that picture."""
        for refusal in batch.refusals:
            self._tally.refuse(*refusal)
        self._places = batch.places
        products, lines = batch.products, batch.lines
        while products:
            products = self._post(products, lines)
            lines = [orjson.dumps(product) for product in products]

    def _post(self, products: list[Line], lines: list[bytes]) -> list[Line]:
        """Send products; returns those that are to be sent again with one picture less."""
        try:
            answers = patiently(self._screen, lambda: self._service.post_lines(self._path, b"\n".join(lines) + b"\n"))
        except TooLarge as error:
            if len(products) == 1:
                self._tally.refuse(products[0]["product_id"], error.code, error.detail)
                return []
            middle = len(products) // 2  # a proxy may take less than the service
            return self._post(products[:middle], lines[:middle]) + self._post(products[middle:], lines[middle:])
        if len(answers) != len(products):
            raise Refused(
                f"the service answered {len(answers)} lines for {len(products)} products", code="bad_answer"
            )
        return [product for product, answer in zip(products, answers, strict=True) if self._note(product, answer)]

    def _note(self, product: Line, answer: dict[str, Any]) -> bool:
        """Note the answer for a product; says whether it is to be sent again."""
        if answer["status"] < 300:
            self._tally.accept(answer, pictured=bool(product["images"]))
            return False
        refused = _IMAGE.match(answer.get("field") or "")
        if refused is None or int(refused[1]) >= len(product["images"]):
            self._tally.refuse(product["product_id"], answer["code"], answer["detail"])
            return False
        place = self._places[product["product_id"]].pop(int(refused[1]))
        self._tally.refuse(product["product_id"], answer["code"], f"{place}: {answer['detail']}", "picture")
        del product["images"][int(refused[1])]
        return True


def patiently(screen: Screen, call: Callable[[], Any]) -> Any:
    """Make a call that may be repeated until the service answers it. Raises `Unavailable` when patience ends."""
    delay = _FIRST_DELAY_S
    until = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return call()
        except Unavailable as error:
            if time.monotonic() + delay > until:
                raise
            if delay == _FIRST_DELAY_S:
                screen.say(f"{error.detail} [{error.code}] - trying again")
        time.sleep(delay)
        delay = min(2 * delay, _LONGEST_DELAY_S)
