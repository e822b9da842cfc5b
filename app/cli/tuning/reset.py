"""`vitrine tune --reset`: search a build as it was made."""

from typing import Any

from app.cli.connection import Service
from app.cli.screen import Screen
from app.cli.tuning.changes import change_lines
from app.domain.tuning import UNTUNED


def reset(screen: Screen, service: Service, path: str) -> None:
    """Put back what tuning found of a build, and tell what that changed."""
    seen = len(service.get(path)["events"])
    told = service.post(f"{path}:untune")
    events: list[dict[str, Any]] = told["events"][seen:]
    changes: list[dict[str, Any]] = next((one["told"]["changes"] for one in events if one["what"] == UNTUNED), [])
    document = {"build": told["id"], "reset": bool(changes), "changes": changes}
    if not changes:
        screen.result(
            document, f"Nothing of build {told['id']} is tuned: it is searched as it was made, and stays so."
        )
        return
    screen.result(
        document,
        f"Build {told['id']} is searched as it was made, from the next query on:",
        *(f"  {line}" for line in change_lines(changes)),
    )
