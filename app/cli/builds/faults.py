"""What is told of a build whose model is gone, or still to be fetched."""

from typing import Any

from app.cli.builds.listed import state_of
from app.cli.builds.named import SHOWN

_WHAT = {
    "encoder_not_found": "cannot be found",
    "encoder_not_cached": "is no longer whole in this machine's cache of the hub",
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
    unless = " unless the hub gives it anew" if code == "encoder_not_cached" else ""
    without = _WITHOUT.get(state, "it cannot go live") + unless
    instead = _OR.get(state, "or end it: `vitrine builds abort {build}{of}`").format(build=build, of=of)
    return (
        f"The model {told['encoder']} of build {build} ({state}) {what}: {without}. The log of the service says "
        f"where it was looked for; put it back there, {instead}. [{code}]"
    )


def to_fetch_of(told: dict[str, Any]) -> str:
    """Which model it is, and that it takes a while, and the hub, to open it."""
    return (
        f"The model {told['encoder']} of build {told['id'][:SHOWN]} ({state_of(told)}) is not on this machine: "
        "whoever opens it first fetches it from the hub"
    )
