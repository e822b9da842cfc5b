"""Rules for held-out rows."""

import pytest

from app.domain.errors import Invalid
from app.domain.held_out import held_out_rule


def test_without_a_rule_about_a_tenth_is_held_out_and_always_the_same_one() -> None:
    rule = held_out_rule(None)
    held = [number for number in range(5_000) if rule(str(number), {})]
    assert 400 < len(held) < 600
    assert held == [number for number in range(5_000) if held_out_rule(None)(str(number), {})]


def test_a_column_rule_holds_out_the_rows_that_say_so() -> None:
    rule = held_out_rule("split=heldout")
    assert rule("a", {"split": "heldout"})
    assert not rule("a", {"split": "train"})
    assert not rule("a", {})


def test_a_column_rule_reads_json_values_as_json_writes_them() -> None:
    assert held_out_rule("fold=3")("a", {"fold": 3})
    assert held_out_rule("fold=true")("a", {"fold": True})
    assert not held_out_rule("fold=None")("a", {})


def test_blocks_keep_neighbouring_ids_on_one_side() -> None:
    rule = held_out_rule("blocks:50:5:1")
    assert [number for number in range(0, 500) if rule(str(number), {})] == [*range(50, 100), *range(300, 350)]


def test_blocks_of_ids_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(Invalid, match="whole numbers") as caught:
        held_out_rule("blocks:50:5:1")("mug-7", {})
    assert caught.value.code == "bad_held_out"


@pytest.mark.parametrize("rule", ["", "heldout", "=x", "blocks:0:5:1", "blocks:50:5:5", "blocks:50:0:0"])
def test_what_is_no_rule_is_refused(rule: str) -> None:
    with pytest.raises(Invalid) as caught:
        held_out_rule(rule)
    assert caught.value.code == "bad_held_out"
