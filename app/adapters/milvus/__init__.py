"""Milvus, as a server or as milvus-lite.

pymilvus imports pandas for the data frames that an older interface of it takes, and pandas imports pyarrow where it
finds it, which it does because milvus-lite brings it. Nothing here has a data frame: both together are 62 MB and half
a second for nothing in every process, so pymilvus is imported with something else in pandas' place.
"""

import sys
from types import ModuleType


class _NoPandas(ModuleType):
    """Every name in it is a class that nothing is an instance of, and that cannot be called with arguments."""

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def _import_pymilvus() -> None:
    places = [] if "pandas" in sys.modules else ["pandas", "pandas.api", "pandas.api.types"]
    sys.modules.update({place: _NoPandas(place) for place in places})
    try:
        import pymilvus  # noqa: F401, PLC0415 - here, and nowhere before
    finally:
        for place in places:
            del sys.modules[place]  # whoever wants pandas gets it


_import_pymilvus()
