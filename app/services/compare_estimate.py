"""How good the estimate of a build was."""

from app.domain.estimates import ESTIMATED
from app.ports.database import Transaction


def against_estimate(transaction: Transaction, build_id: str) -> dict[str, float]:
    """The seconds from a build's opening until it was indexed, those that were estimated, and their ratio.

    Nothing of a build that has no estimate; no ratio where that was of no time, nor where the build was throttled
    meanwhile, which no estimate knows.
    """
    first = {event.what: event for event in reversed(transaction.builds.events(build_id))}
    if not {"opened", "indexed", ESTIMATED} <= first.keys():
        return {}
    seconds = (first["indexed"].at - first["opened"].at).total_seconds()
    estimated = first[ESTIMATED].told["seconds"]
    throttled = "throttled" in first and first["throttled"].at < first["indexed"].at
    ratio = {"ratio": round(seconds / estimated, 2)} if estimated and not throttled else {}
    return {"seconds": round(seconds, 1), "estimated_seconds": estimated, **ratio}
