"""What an operator may do with a build as it is now."""

from typing import Any

from app.domain.builds import BuildState, IndexSpec
from app.domain.verdicts import INDEX_RECALL


def next_step(told: dict[str, Any], catalog: str) -> list[str]:
    """What may be done with a build that is ready, or that was live and is kept."""
    named = told["id"] if catalog == "default" else f"{told['id']} --catalog {catalog}"
    if told["state"] == BuildState.READY:
        return _of_ready(told, named)
    if told["state"] == BuildState.RETIRED and told["takes_uploads"]:
        # It goes live by a rollback whatever its check said; promoting it asks for that again.
        by_force = "" if told.get("report", {"passed": True})["passed"] else " --force --reason WHY"
        return [
            f"It takes every change: `vitrine builds promote {named}{by_force}`, or `vitrine builds rollback` from "
            f"the one that took its place, makes it live again. That holds until `vitrine builds retire {named}`, "
            "or until another that was live is kept in its place."
        ]
    return []


def let_go(told: dict[str, Any]) -> list[str]:
    """Which builds are no longer kept because this one went live."""
    gone = told["events"][-1]["told"].get("let_go", []) if told.get("events") else []
    return [f"Build {one} is no longer kept by that: there is no rolling back to it any more." for one in gone]


def _of_ready(told: dict[str, Any], named: str) -> list[str]:
    if told.get("report", {}).get("passed"):
        return [f"`vitrine builds promote {named}` makes it the live one."]
    steps = [
        f"It has not passed its check: only `vitrine builds promote {named} --force --reason WHY` makes it the live "
        f"one. `vitrine builds check {named}` checks it again, and `vitrine builds abort {named}` ends it."
    ]
    if _tuning_helps(told):
        steps.append(
            f"Its index finds too few of the ten best: `vitrine tune {named}` looks for search parameters that find "
            "more; then check it again."
        )
    return steps


def _tuning_helps(told: dict[str, Any]) -> bool:
    """Whether other search parameters could find more than the check did, as far as anybody knows."""
    failed = {check["name"] for check in told["report"]["checks"] if not check["passed"]}
    return (
        INDEX_RECALL in failed
        and IndexSpec.of(told["index"], told["params"]).tunable is not None
        and told.get("tuned", {}).get("reached", True)
    )
