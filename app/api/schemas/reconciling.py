"""What an operator asks of reconciling, and what is told of it."""

from pydantic import BaseModel, ConfigDict, StrictBool
from typing_extensions import TypedDict  # pydantic reads typing's only from Python 3.12 on


class ReconcileIn(BaseModel):
    """How to compare: a dry run repairs nothing."""

    model_config = ConfigDict(extra="forbid")

    dry_run: StrictBool = False


class Drifted(TypedDict):
    """How many rows should be there, how many differ by kind, and how many of these are well again."""

    rows: int
    missing: int
    orphaned: int
    stale: int
    unsearchable: int
    repaired: int


class DriftedBuild(Drifted):
    """The same of one build."""

    id: str


class ReconciledDocument(Drifted):
    """The same of every build that takes uploads, together and one by one."""

    builds: list[DriftedBuild]
