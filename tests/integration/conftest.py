"""A shop that nothing bad may leave a trace in."""

from collections.abc import Iterator

import pytest

from tests.factories import a_picture
from tests.integration.shops import Shop, at_rest, inline


@pytest.fixture(scope="session")
def quiet_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A service that works only when told to, with one product `p` in the catalog `shop`."""
    with at_rest(tmp_path_factory.mktemp("quiet")) as shop:
        shop.declare("shop")
        shop.put("shop", "p", attributes={"price": 1, "colour": "red"}, images=inline(a_picture()))
        shop.work()
        yield shop


@pytest.fixture
def untouched(quiet_shop: Shop) -> Iterator[Shop]:
    """The same; afterwards no row, file or vector is there that was not before, and good requests are answered."""
    before = quiet_shop.everything("shop")
    yield quiet_shop
    assert quiet_shop.everything("shop") == before
    assert quiet_shop.search("shop", text="a red mug") == ["p"]
