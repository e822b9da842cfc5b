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
    reason = not_indexed(database, store, step, lease)
    if reason is not None:
        with database.writing() as transaction:
            transaction.build_steps.release(step, reason, delay=DELAY, blameless=True)
    return reason is not None


def not_indexed(database: Database, store: VectorStore, step: Step, lease: timedelta) -> Failure | None:
    """Have everything indexed; where it is not yet, what is waited for."""
    collections = step.build.collections
    if not step.touched:
        for collection in collections:
            store.seal(collection)
        with database.writing() as transaction:
            transaction.build_steps.go_on(step, lease=lease, touched=True)
    waiting = sum(store.unindexed(one) + store.unserved(one) for one in collections)
    return Failure("indexing", f"the vector store indexes {waiting} rows") if waiting else None
