"""Ending a step of a build, and what follows it."""

from app.domain.build_steps import NewStep, Step, StepKind
from app.ports.database import Transaction


def finish_step(transaction: Transaction, step: Step, *following: NewStep) -> bool:
    """Mark a step as done and append what follows; after the last page comes the check.

    False, and nothing follows, where the step is no longer this worker's.
    """
    transaction.builds.hold_still(step.build.catalog)  # of two that end the last pages at once, one sees that
    if not transaction.build_steps.finish(step):
        return False
    transaction.build_steps.add(step.build.id, following)
    filling = step.page.kind in (StepKind.SLICE, StepKind.FILL)
    if filling and not transaction.build_steps.left(step.build.id):
        transaction.builds.record(step.build.id, "filled", {})
        transaction.build_steps.add(step.build.id, [NewStep(StepKind.CHECK)])
    return True
