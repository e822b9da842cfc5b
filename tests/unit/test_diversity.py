"""What is shown of a ranking, for groups and pictures that are drawn: held against what was promised."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import diversity
from app.domain.columns import Columns, Held
from app.domain.diversity import NEARLY_THE_SAME, LeftOut, Why, choose
from app.domain.errors import Invalid
from app.domain.grouping import Grouping, check_grouping, first_of_each, group_sizes, hits_of_groups
from app.domain.products import check_attributes
from app.domain.search import SearchQuery
from tests.filtering import SCHEMA

KEYS = st.lists(st.integers(-1, 5), max_size=60).map(np.array)
LIMITS = st.integers(1, 4)
TURN = np.arccos(NEARLY_THE_SAME)  # pictures that lie no further apart are nearly the same


def keyed(*keys: int) -> np.ndarray[Any, Any]:
    return np.array(keys, dtype=np.intp)


def test_it_ends_once_as_many_are_shown_as_are_asked_for() -> None:
    choice = choose(keyed(1, 1, 2, 1, 3, 4, 4), 1, most=3)
    assert (choice.shown, set(choice.left_out)) == ([0, 2, 4], {1, 3})
    assert choose(keyed(1, 2, 3), 1, most=3) == choose(keyed(1, 2, 3), 1)


@given(KEYS, LIMITS)
def test_a_ranking_keeps_its_order_and_is_full_of_all_that_its_groups_allow(drawn: Any, limit: int) -> None:
    keys = keyed(*drawn.tolist())
    choice = choose(keys, limit)
    shown = list(choice.shown)
    assert shown == sorted(shown)
    assert sorted([*shown, *choice.left_out]) == list(range(len(keys)))
    held, taken = Counter(keys.tolist()), Counter(keys[shown].tolist())
    assert all(taken[key] == (held[key] if key == -1 else min(held[key], limit)) for key in held)
    for place, (why, first) in choice.left_out.items():
        assert (why, keys[first]) == (Why.GROUPED, keys[place])
        assert first == keys.tolist().index(keys[place]) < place
    assert shown == np.flatnonzero(first_of_each(keys, limit)).tolist()
    assert len(shown) == hits_of_groups(keys, limit)
    assert group_sizes(keys).tolist() == [1 if key == -1 else held[key] for key in keys.tolist()]


@given(KEYS, LIMITS, st.data())
def test_pictures_and_groups_are_chosen_one_by_one_in_any_blocks(drawn: Any, limit: int, data: Any) -> None:
    keys = keyed(*drawn.tolist())
    turns = data.draw(st.lists(st.integers(0, 12), min_size=len(keys), max_size=len(keys)))
    angles = np.array(turns) * TURN * 0.6  # neighbours are nearly the same, and every second one is not
    pictures = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    pictures[np.array(turns) == 12] = 0  # no picture
    shown: list[int] = []
    for place, key in enumerate(keys.tolist()):
        full = key != -1 and keys[shown].tolist().count(key) >= limit
        if not full and not any(pictures[place] @ pictures[one] >= NEARLY_THE_SAME for one in shown):
            shown.append(place)
    for block in (1, 7, 400):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(diversity, "_BLOCK", block)
            choice = choose(keys, limit, lambda places: pictures[list(places)])
        assert list(choice.shown) == shown
        for place, (why, first) in choice.left_out.items():
            assert first in shown
            assert first < place
            if why is Why.DUPLICATE:
                assert pictures[place] @ pictures[first] >= NEARLY_THE_SAME


def test_a_picture_is_the_like_of_what_is_shown_and_of_nothing_else() -> None:
    """The second stands behind its group, so the third is the like of nothing that is shown."""
    pictures = np.eye(3)[[0, 1, 1, 0]]
    choice = choose(keyed(7, 7, 8, 9), 1, lambda places: pictures[list(places)])
    assert list(choice.shown) == [0, 2]
    assert choice.left_out == {1: LeftOut(Why.GROUPED, 0), 3: LeftOut(Why.DUPLICATE, 0)}


@pytest.mark.parametrize(
    ("name", "values", "keys"),
    [
        ("colour", ["a", "b", None, "a", "A"], [0, 1, None, 0, 2]),
        ("price", [2, 0.5, None, 2.0, -0.0, 0], [1, 2, None, 1, 3, 3]),
        ("in_stock", [True, False, None, True], [0, 1, None, 0]),
        ("released", ["2020-01-01T00:00:00+01:00", "2019-12-31T23:00:00Z", None, "2020-01-01"], [0, 0, None, 1]),
        ("never", [None, None], [None, None]),
    ],
)
def test_products_are_of_one_group_where_their_values_are_equal(name: str, values: Any, keys: Any) -> None:
    columns = Columns()
    given = [{} if value is None else check_attributes({name: value}, SCHEMA) for value in values]
    columns.put(Held(str(place), 1, attributes) for place, attributes in enumerate(given))
    found = columns.keys(name, columns.rows_of([str(place) for place in range(len(values))])).tolist()
    assert [key == -1 for key in found] == [key is None for key in keys]
    for one, same in zip(found, keys, strict=True):
        assert [key == one for key in found] == [key == same for key in keys]


@pytest.mark.parametrize(
    ("grouping", "code"),
    [
        (Grouping("none"), "unknown_attribute"),
        (Grouping("sizes"), "bad_group"),
        (Grouping("care"), "bad_group"),
    ],
)
def test_what_is_no_group_is_refused(grouping: Grouping, code: str) -> None:
    with pytest.raises(Invalid) as raised:
        check_grouping(grouping, SCHEMA)
    assert (raised.value.code, raised.value.field) == (code, "group.by")


@pytest.mark.parametrize("limit", [0, -1, 101])
def test_a_limit_that_is_none_is_refused(limit: int) -> None:
    with pytest.raises(Invalid) as raised:
        SearchQuery("mug", group=Grouping("colour", limit))
    assert (raised.value.code, raised.value.field) == ("bad_group", "group.limit")
