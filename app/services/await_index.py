"""Waiting until a store searches all that a build was given by its index."""

from datetime import timedelta

from app.domain.build_steps import Step
from app.ports.database import Database
from app.ports.uploads import Failure
from app.ports.vectors import VectorStore

DELAY = timedelta(seconds=1)
"""Until a store is asked again whether it has indexed everything, which takes it seconds to minutes."""


def still_indexing(database: Database, store: VectorStore, step: Step, lease: timedelta) -> bool:
    """Have everything indexed; where it is not yet, the step is given back until the store is asked again."""
    collections = step.build.collections
    if not step.touched:
        for collection in collections:
            store.seal(collection)
        with database.writing() as transaction:
            transaction.build_steps.go_on(step, lease=lease, touched=True)
    waiting = sum(store.unindexed(one) + store.unserved(one) for one in collections)
    if waiting:
        reason = Failure("indexing", f"the vector store indexes {waiting} rows")
        with database.writing() as transaction:
            transaction.build_steps.release(step, reason, delay=DELAY, blameless=True)
    return waiting > 0
