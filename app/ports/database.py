"""The database port: the truth. Everything happens inside a transaction that the caller opens and that ends once."""

from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from app.ports.announcements import Announcements
from app.ports.build_steps import BuildSteps
from app.ports.builds import Builds, Holdings
from app.ports.catalogs import Catalogs
from app.ports.embeddings import Embeddings
from app.ports.products import Pictures, Products
from app.ports.queries import Queries
from app.ports.secrets import Secrets
from app.ports.uploads import IdempotencyKeys, Uploads


class Transaction(Protocol):
    """One transaction, with everything that can be asked of the database inside it."""

    @property
    def now(self) -> datetime:
        """The database's clock."""
        ...

    @property
    def catalogs(self) -> Catalogs: ...
    @property
    def products(self) -> Products: ...
    @property
    def pictures(self) -> Pictures: ...
    @property
    def uploads(self) -> Uploads: ...
    @property
    def idempotency_keys(self) -> IdempotencyKeys: ...
    @property
    def embeddings(self) -> Embeddings: ...
    @property
    def builds(self) -> Builds: ...
    @property
    def holdings(self) -> Holdings: ...
    @property
    def build_steps(self) -> BuildSteps: ...
    @property
    def announcements(self) -> Announcements: ...
    @property
    def queries(self) -> Queries: ...
    @property
    def secrets(self) -> Secrets: ...


class Database(Protocol):
    """Opens transactions. Every use may raise `DatabaseUnavailable`."""

    def reading(self) -> AbstractContextManager[Transaction]:
        """A transaction that writes nothing."""
        ...

    def writing(self) -> AbstractContextManager[Transaction]:
        """A transaction that commits at the end, and rolls back where the block raises."""
        ...

    def ping(self) -> None:
        """Return if the database answers and its schema is the one this code was written for."""
        ...

    def count_rows(self) -> None:
        """Let the database know how many rows it has, where it goes by that and they have become many more.

        Never raises: what is asked of it is answered without, more slowly.
        """
        ...
