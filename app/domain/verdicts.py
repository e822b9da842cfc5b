"""What a check of a build found, against what it may cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

INDEX_RECALL = "recall@10 against exact"
"""The check that an index finds what there is to find: other search parameters may help it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was measured and whether it is within its bounds, and which products and queries lose by the change."""

    checks: Sequence[Mapping[str, Any]]
    losers: Sequence[Mapping[str, Any]] = ()
    queries: Sequence[Mapping[str, Any]] = ()

    @property
    def passed(self) -> bool:
        """Whether everything is within its bounds."""
        return all(check["passed"] for check in self.checks)

    @property
    def told(self) -> dict[str, Any]:
        """As a document."""
        found = {"checks": list(self.checks), "losers": list(self.losers), "queries": list(self.queries)}
        return {"passed": self.passed, **found}

    def __add__(self, other: "Verdict") -> "Verdict":
        """Both together."""
        queries = [*self.queries, *other.queries]
        return Verdict([*self.checks, *other.checks], [*self.losers, *other.losers], queries)


def check(
    name: str,
    measured: float,
    *,
    least: float | None = None,
    most: float | None = None,
    live: float | None = None,
    of: int | None = None,
) -> dict[str, Any]:
    """A measurement as a document, and whether it is within its bounds.

    `live` is what the live build has, `of` how many rows, products or queries were looked at.
    """
    passed = (least is None or measured >= least) and (most is None or measured <= most)
    stated = {"at_least": least, "at_most": most, "live": live}
    told = {key: round(value, 4) for key, value in stated.items() if value is not None}
    counted = {} if of is None else {"of": of}
    return {"name": name, "measured": round(float(measured), 4), **told, **counted, "passed": bool(passed)}
