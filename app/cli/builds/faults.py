"""What is told of a build whose model is gone."""

from typing import Any

from app.cli.builds.listed import state_of
from app.cli.builds.named import SHOWN

_WHAT = {
    "encoder_not_found": "cannot be found",
    "fingerprint_mismatch": "is another than it was made with",
}
_WITHOUT = {
    "live": "no process that starts from now on can answer",
    "retired, kept": "no process that starts from now on can go back to it",
}
_OR = {
    "live": "or change over: `vitrine builds start --encoder MODEL{of}`, and `promote` that build",
    "retired, kept": "or let go of it, and of the way back: `vitrine builds retire {build}{of}`",
}


def fault_of(told: dict[str, Any], catalog: str) -> str:
    """Which model it is, what that keeps a build from, and what an operator may do."""
    build, state, code = told["id"][:SHOWN], state_of(told), told["encoder_fault"]["code"]
    what = _WHAT.get(code, "cannot be loaded")
    of = "" if catalog == "default" else f" --catalog {catalog}"
    without = _WITHOUT.get(state, "it cannot go live")
    instead = _OR.get(state, "or end it: `vitrine builds abort {build}{of}`").format(build=build, of=of)
    return (
        f"The model {told['encoder']} of build {build} ({state}) {what}: {without}. The log of the service says "
        f"where it was looked for; put it back there, {instead}. [{code}]"
    )
