"""What tuning changes, band by band."""

from dataclasses import replace
from typing import Any

from app.domain.bands import Band
from app.domain.builds import IndexSpec
from app.domain.tuning_changes import changes, kept

MADE = IndexSpec.of("IVF_FLAT", {"nprobe": 16})


def searched(*bands: Band) -> IndexSpec:
    return replace(MADE, bands=bands)


def told(before: IndexSpec, now: IndexSpec) -> list[tuple[float, Any, Any]]:
    """Each change as its share, and the value and over-fetch of both sides."""
    found = []
    for one in changes(before, now, over_fetch=2):
        sides = [one[side] and (one[side]["search_params"]["nprobe"], one[side]["over_fetch"]) for side in _SIDES]
        found.append((one["share"], *sides))
    return found


_SIDES = ("before", "now")


def test_what_was_never_tuned_had_what_it_was_made_with_in_every_band_and_gets_it_back() -> None:
    tuned = searched(Band(1.0, 3, 1), Band(0.49, 5, 4))
    assert told(MADE, tuned) == [(1.0, (16, 2), (3, 1)), (0.49, (16, 2), (5, 4))]
    assert told(tuned, MADE) == [(1.0, (3, 1), (16, 2)), (0.49, (5, 4), (16, 2))]
    assert told(MADE, MADE) == []


def test_a_band_whose_share_was_left_out_is_kept_and_told_as_that_share() -> None:
    before = searched(Band(1.0, 3, 1), Band(0.48, 5, 1), Band(0.048, 7, 4), Band(0.006, 9, 1))
    now = searched(Band(1.0, 4, 1), Band(0.51, 6, 1))
    held = kept(before.bands, now.bands, [0.05])
    assert held == {0.05: Band(0.05, 7, 4)}
    assert kept(before.bands, now.bands, [0.5]) == {}  # that one was measured after all
    whole, half, twentieth, last = changes(
        before, searched(*now.bands, *held.values()), over_fetch=2, kept=held.keys()
    )
    assert twentieth["before"] == twentieth["now"] == {"search_params": {"nprobe": 7}, "over_fetch": 4}
    assert [one.get("kept") for one in (whole, half, twentieth, last)] == [None, None, True, None]
    assert (twentieth["share"], last["now"]) == (0.05, None)


def test_bands_that_stand_for_one_share_are_compared_however_many_products_pass_by_now() -> None:
    before = searched(Band(1.0, 3, 1), Band(0.75, 5, 1), Band(0.05, 7, 1))
    now = searched(Band(1.0, 4, 1), Band(0.48, 6, 1), Band(0.005, 9, 1))
    assert told(before, now) == [
        (1.0, (3, 1), (4, 1)),
        (0.48, (5, 1), (6, 1)),
        (0.05, (7, 1), None),
        (0.005, None, (9, 1)),
    ]
